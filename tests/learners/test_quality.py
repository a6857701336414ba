"""What a watch says of models: beside labels that come late, twice, wrong, early and never."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency
from sklearn.metrics import brier_score_loss

from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.quality import QualityWatch
from aimass_stream.learners.quality.drift import _chance_of_counts as chance_of_counts
from aimass_stream.learners.quality.drift import distance_of
from aimass_stream.learners.quality.figures import LabelledWindow, brier
from aimass_stream.learners.quality.state import QualityState
from aimass_stream.records import ModelQuality, Quality
from tests.learners.events import HOUR_MS, event_of, quality_log

LABELS = ("refund", "delivery", "other")


def watch(**settings: Any) -> QualityState:
    return QualityState(QualityWatch("quality", LABELS, **settings).settings)


def said(number: int, label: str, score: float = 0.8, model: str = "head@1") -> Event:
    answer = {"label": label, "score": score, "scores": {label: score}}
    return event_of(number, {"model": model, "answer": answer})


def told(number: int, label: str, *, after_ms: int = 0) -> Event:
    value = {"record": f"made-up/0/{number}", "label": label}
    return event_of(1_000 + number, value, after_ms=after_ms)


def run(state: QualityState, events: Sequence[Event]) -> list[Quality | None]:
    answers: list[Quality | None] = []
    for at in range(0, len(events), 32):
        block = [state.read(event) for event in events[at : at + 32]]
        answers += state.score(block)
        state.learn(block)
    return answers


def last(state: QualityState, events: Sequence[Event]) -> ModelQuality:
    answer = run(state, events)[-1]
    assert answer is not None
    (model,) = answer.models
    return model


def test_figures_are_of_answers_as_they_were_before_their_label() -> None:
    events = [said(0, "refund", 0.9), said(1, "other", 0.6), told(1, "refund"), told(0, "refund")]
    found = run(watch(), events)
    assert found[:2] == [None, None]
    assert found[3] is not None
    (quality,) = found[3].models
    assert (quality.accuracy, quality.labelled, quality.answers) == (0.5, 2, 2)
    right, wrong = 0.1**2 + 2 * 0.05**2, 0.6**2 + 0.8**2 + 0.2**2
    assert quality.brier == pytest.approx((right + wrong) / 2)
    assert quality.calibration_error == pytest.approx((0.1 + 0.6) / 2)


def test_brier_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), size=50)
    labels = rng.integers(3, size=50)
    mine = [brier(dict(enumerate(row)), labels[at], 3) for at, row in enumerate(shares)]
    theirs = brier_score_loss(labels, shares, labels=[0, 1, 2], scale_by_half=False)
    assert np.mean(mine) == pytest.approx(theirs)


def test_distance_and_chance_are_those_of_scipy() -> None:
    before, latest = np.array([40, 0, 300, 160]), np.array([20, 12, 340, 128])
    assert distance_of(before, latest) == pytest.approx(jensenshannon(before, latest, base=2))
    table = [before, latest]
    theirs = chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    assert chance_of_counts(before, latest) == pytest.approx(theirs)


def test_answers_that_are_as_sure_as_they_are_right_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    honest, boastful = LabelledWindow(5_000), LabelledWindow(5_000)
    for confidence in rng.uniform(0.5, 1, size=5_000).tolist():
        label = int(rng.random() >= confidence)
        honest.add({0: confidence}, label, 3)
        boastful.add({0: 1.0}, label, 3)
    figures, worse = honest.figures(10), boastful.figures(10)
    assert figures is not None
    assert worse is not None
    assert figures.calibration_error < 0.03
    assert worse.calibration_error == pytest.approx(0.25, abs=0.02)


def test_a_second_label_replaces_the_first_in_every_figure() -> None:
    answers = [said(0, "refund"), said(1, "other", 0.7)]
    state, straight = watch(), watch()
    corrected = last(state, [*answers, told(0, "other"), told(1, "other"), told(0, "refund")])
    once = last(straight, [*answers, told(0, "refund"), told(1, "other")])
    assert corrected.corrected == 1
    for name in ("accuracy", "brier", "calibration_error", "labelled", "labels"):
        assert getattr(corrected, name) == getattr(once, name)


def test_the_same_label_twice_changes_nothing() -> None:
    state = watch()
    assert run(state, [said(0, "refund"), told(0, "refund"), told(0, "refund")])[-1] is None
    assert state.counts == {"repeated": 1, "unmatched": 0}


def test_a_label_may_come_before_its_answer() -> None:
    state = watch()
    quality = last(state, [told(0, "refund"), said(0, "refund")])
    assert (quality.accuracy, quality.labels) == (1.0, 1)
    assert state.counts["unmatched"] == 1


def test_a_label_that_comes_too_late_changes_nothing() -> None:
    state = watch(keep_s=3_600)
    late = told(0, "other", after_ms=HOUR_MS + 1)
    assert run(state, [said(0, "refund"), late])[-1] is None
    assert state.counts["unmatched"] == 1


def test_answers_that_never_get_a_label_are_counted() -> None:
    state = watch(keep_records=2)
    quality = last(state, [*(said(i, "refund") for i in range(5)), told(4, "refund")])
    assert (quality.unlabelled, quality.labels, quality.answers) == (3, 1, 5)


def test_a_label_concerns_every_version_that_answered() -> None:
    events = [said(0, "refund"), said(0, "other", model="head@2"), told(0, "refund")]
    answer = run(watch(), events)[-1]
    assert answer is not None
    accuracies = {one.model: one.accuracy for one in answer.models}
    assert accuracies == {"head@1": 1.0, "head@2": 0.0}


def test_an_answer_that_comes_twice_counts_once() -> None:
    state = watch()
    quality = last(state, [said(0, "refund"), said(0, "refund"), told(0, "refund")])
    assert (quality.answers, quality.labels) == (1, 1)


def labelled(rows: int, wrong: float, *, start: int, seed: int) -> list[Event]:
    rng = np.random.default_rng(seed)
    events = []
    for i in range(start, start + rows):
        label = str(rng.choice(LABELS))
        other = LABELS[(LABELS.index(label) + 1) % 3]
        events += [said(i, other if rng.random() < wrong else label), told(i, label)]
    return events


def drifts(answers: Sequence[Quality | None]) -> list[int]:
    return [i for i, answer in enumerate(answers) if answer is not None and answer.drift]


@pytest.mark.parametrize("seed", range(3))
def test_errors_that_become_more_are_a_drift_soon_and_once(seed: int) -> None:
    before = labelled(1_000, 0.1, start=0, seed=seed)
    after = labelled(600, 0.4, start=1_000, seed=seed + 10)
    answers = run(watch(), before + after)
    found = drifts(answers)
    assert len(found) in {1, 2}
    assert 2_000 <= found[0] < 2_400
    answer = answers[found[0]]
    assert answer is not None
    assert answer.drift is not None
    assert answer.drift.is_alarm
    assert answer.drift.score >= answer.drift.threshold
    assert answer.drift.reason.startswith("errors rose from ")


@pytest.mark.parametrize("seed", range(3))
def test_errors_that_become_fewer_or_stay_are_none(seed: int) -> None:
    better = labelled(800, 0.5, start=0, seed=seed) + labelled(800, 0.1, start=800, seed=seed)
    assert drifts(run(watch(), better)) == []


def test_answers_that_become_others_are_a_drift_without_any_label() -> None:
    rng = np.random.default_rng(0)
    usual = [said(i, str(rng.choice(LABELS, p=[0.3, 0.6, 0.1]))) for i in range(2_200)]
    other = [said(i, str(rng.choice(LABELS, p=[0.7, 0.2, 0.1]))) for i in range(2_200, 4_200)]
    answers = run(watch(), usual + other)
    (found,) = drifts(answers)
    assert 2_200 < found <= 3_200
    answer = answers[found]
    assert answer is not None
    assert answer.drift is not None
    assert "'refund' went from" in answer.drift.reason or "'delivery' went" in answer.drift.reason
    assert answer.models[0].accuracy is None


def test_the_version_longest_silent_goes_first() -> None:
    state = watch(models=2)
    events = [said(0, "refund", model=f"head@{version}") for version in (1, 2, 3)]
    answer = run(state, [*events, told(0, "refund")])[-1]
    assert answer is not None
    assert [one.model for one in answer.models] == ["head@2", "head@3"]


def test_the_log_of_two_models_tells_the_one_that_drifted() -> None:
    events = quality_log(1_500, list(LABELS), right=0.95, until=900)
    answers = run(watch(window_records=100), events)
    named = {answers[at].models[-1].model for at in drifts(answers)}  # type: ignore[union-attr]
    assert "head@2" in named


def test_a_part_of_an_answer_is_watched_where_it_is_there() -> None:
    intent = {"label": "refund", "score": 0.8}
    understood = {"model": "both@1", "answer": {"intent": intent, "entities": []}}
    events = [event_of(0, understood), said(0, "other"), told(0, "refund")]
    found = run(watch(part="intent"), events)[-1]
    assert found is not None
    assert {one.model: one.accuracy for one in found.models} == {"both@1": 1.0, "head@1": 0.0}


@pytest.mark.parametrize(
    "value",
    [
        {"record": "made-up/0/1", "label": "unheard"},
        {"model": "head@1", "answer": {"label": "unheard", "score": 0.5}},
        {"model": "head@1", "answer": {"label": "refund", "score": 1.5}},
        {"model": "", "answer": {"label": "refund", "score": 0.5}},
        {"model": "head@1"},
        {"label": "refund", "score": 0.5},
    ],
)
def test_what_it_cannot_take_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        watch().read(Event(0, "t", 0, "t/0/0", None, orjson.dumps(value)))


@pytest.mark.parametrize(
    "settings",
    [{"labels": ("one",)}, {"drift_chance": 0.0}, {"least_distance": 2.0}, {"window_records": 1}],
)
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        QualityWatch("q", **{"labels": LABELS, **settings})
