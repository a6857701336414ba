"""Votes, ties, weights, and combiners: numbers in, numbers out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from aimass_stream.ensembles import rules
from aimass_stream.ensembles.combiner import LEAST, Combiner, features
from aimass_stream.ensembles.ensemble import log_odds_weights
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.records import Prediction


def said(**scores: float) -> Prediction:
    best = dict(sorted(scores.items(), key=lambda pair: -pair[1]))
    return Prediction(next(iter(best)), next(iter(best.values())), best)


def test_an_average_weighs_probabilities() -> None:
    found = rules.average([(said(a=0.6, b=0.4), 0.25), (said(a=0.2, b=0.8), 0.75)])
    assert list(found) == ["b", "a"]
    assert found == pytest.approx({"a": 0.3, "b": 0.7})


def test_a_majority_counts_weights_and_not_how_sure_somebody_is() -> None:
    sure, unsure = said(a=0.99, b=0.01), said(b=0.51, a=0.49)
    found = rules.majority([(sure, 0.3), (unsure, 0.35), (unsure, 0.35)])
    assert list(found) == ["b", "a"]
    assert found == pytest.approx({"b": 0.7, "a": 0.3})


def test_a_tied_majority_goes_by_the_mean_probability() -> None:
    found = rules.majority([(said(b=0.6, a=0.4), 0.5), (said(a=0.9, b=0.1), 0.5)])
    assert list(found) == ["a", "b"]
    assert found == {"a": 0.5, "b": 0.5}


def test_equal_scores_are_in_the_order_of_their_labels() -> None:
    assert list(rules.ranked({"b": 0.5, "a": 0.5})) == ["a", "b"]


def test_an_answer_without_scores_counts_by_its_label() -> None:
    found = rules.average([(Prediction("a", 0.8), 0.5), (said(b=0.9, a=0.1), 0.5)])
    assert found == pytest.approx({"b": 0.45, "a": 0.45})


def test_weights_of_boosting_are_those_of_samme() -> None:
    weights = log_odds_weights((0.9, 0.6), labels=2)
    assert weights == pytest.approx((math.log(9), math.log(1.5)))
    (of_ten,) = log_odds_weights((0.5,), labels=10)
    assert of_ten == pytest.approx(math.log(9))
    (perfect,) = log_odds_weights((1.0,), labels=2)
    assert math.isfinite(perfect)


@pytest.mark.parametrize("accuracy", [0.5, 0.3, math.nan])
def test_a_member_no_better_than_chance_has_no_weight(accuracy: float) -> None:
    with pytest.raises(ConfigError, match="no better than chance"):
        log_odds_weights((0.9, accuracy), labels=2)


def combiner() -> Combiner:
    """Believes the second member alone."""
    weights = np.zeros((2, 2, 2))
    weights[0, 1, 0] = weights[1, 1, 1] = 1.0
    return Combiner(["a", "b"], weights, np.zeros(2))


def test_a_combiner_is_a_logistic_regression_on_logarithms() -> None:
    found = combiner().combine([said(a=0.9, b=0.1), said(a=0.2, b=0.8)])
    assert found == pytest.approx({"a": 0.2, "b": 0.8})


def test_of_a_member_that_said_nothing_the_mean_of_the_others_is_supposed() -> None:
    first, third = said(a=0.9, b=0.1), said(a=0.5, b=0.5)
    table = features([first, None, third], ["a", "b"])
    assert np.exp(table[1]) == pytest.approx([0.7, 0.3])
    assert np.exp(table[0]) == pytest.approx([0.9, 0.1])


def test_a_label_that_is_not_told_has_the_least_probability() -> None:
    assert np.exp(features([Prediction("a", 1.0)], ["a", "b"])) == pytest.approx(
        np.array([[1.0, LEAST]])
    )


def test_a_combiner_is_what_was_saved(tmp_path: Path) -> None:
    combiner().save(tmp_path)
    answers = [said(a=0.9, b=0.1), said(a=0.2, b=0.8)]
    assert Combiner.load(tmp_path).combine(answers) == combiner().combine(answers)


def test_weights_are_saved_in_their_order_however_they_lie_in_memory(tmp_path: Path) -> None:
    weights = np.asfortranarray(np.arange(8.0).reshape(2, 2, 2))
    made = Combiner(["a", "b"], weights, np.zeros(2))
    made.save(tmp_path)
    answers = [said(a=0.9, b=0.1), said(a=0.2, b=0.8)]
    assert Combiner.load(tmp_path).combine(answers) == made.combine(answers)


def test_a_combiner_that_does_not_fit_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be loaded"):
        Combiner.load(tmp_path)
    combiner().save(tmp_path)
    (tmp_path / "combiner.json").write_text('{"labels": ["a", "b", "c"], "members": 2}')
    with pytest.raises(SetupError, match="for 3 labels"):
        Combiner.load(tmp_path)
    with pytest.raises(ValueError, match="finite"):
        Combiner(["a"], np.full((1, 1, 1), np.nan), np.zeros(1))


def test_too_few_answers_have_the_reason_of_the_first_failure() -> None:
    failure = RecordError(Reason.TOO_LARGE, "much too large", "trace")
    error = rules.too_few([said(a=1.0), failure], quorum=2)
    assert (error.reason, error.trace) == (Reason.TOO_LARGE, "trace")
    assert "1 of 2 members answered" in error.detail
