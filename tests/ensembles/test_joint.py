"""Votes on numbers, and on several labels at once."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import orjson
import pytest
from sklearn import datasets
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aimass_stream import transforms as t
from aimass_stream.adapters.sklearn import Sklearn
from aimass_stream.ensembles.joint import LabelsEnsemble, NumberEnsemble
from aimass_stream.ensembles.joint_voters import LabelsVoter, NumberVoter
from aimass_stream.ensembles.poll import Poll
from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.model import Model
from aimass_stream.records import Estimate, JointEstimate, JointLabels, Labels, Record
from aimass_stream.registry.folder import resolve
from aimass_stream.training.fitting import fit
from tests.ensembles.fakes import Guess, Scripted

A, B, C = Guess("a"), Guess("b"), Guess("c")
X, Y = Guess("x", gives=Labels), Guess("y", gives=Labels)


def ask(poll: Poll[Any], **said: Any) -> Any:
    (found,) = poll.predict([poll.decode(json.dumps(said).encode())])
    return found


def numbers(tmp_path: Path, **settings: Any) -> NumberVoter:
    return NumberVoter(resolve(NumberEnsemble("n", (A, B, C), **settings), tmp_path), "cpu")


def labels(tmp_path: Path, **settings: Any) -> LabelsVoter:
    return LabelsVoter(resolve(LabelsEnsemble("l", (X, Y), **settings), tmp_path), "cpu")


def test_numbers_are_their_weighted_mean_with_a_spread(tmp_path: Path) -> None:
    found = ask(numbers(tmp_path, weights=(1, 1, 2)), a={"v": 1.0}, b={"v": 3.0}, c={"v": 4.0})
    assert found.values == {"v": 3.0}
    assert found.spread == {"v": pytest.approx(math.sqrt((4 + 0 + 1 + 1) / 4))}
    assert found.members == ["a@1", "b@1", "c@1"]
    assert isinstance(found, JointEstimate)


def test_a_median_is_not_moved_by_one_that_is_far_off(tmp_path: Path) -> None:
    found = ask(numbers(tmp_path, by="median"), a={"v": 1.0}, b={"v": 2.0}, c={"v": 1e9})
    assert found.value == 2.0
    half = ask(numbers(tmp_path, by="median"), a={"v": 1.0}, b={"v": 2.0}, c="refuse")
    assert half.value == 1.5
    heavy = numbers(tmp_path, by="median", weights=(1, 1, 5))
    assert ask(heavy, a={"v": 1.0}, b={"v": 2.0}, c={"v": 7.0}).value == 7.0


def test_a_member_that_fails_leaves_the_vote_and_a_quorum_is_kept(tmp_path: Path) -> None:
    found = ask(numbers(tmp_path), a={"v": 1.0}, b="raise", c={"v": math.nan})
    assert (found.values, found.members) == ({"v": 1.0}, ["a@1"])
    failed = ask(numbers(tmp_path, quorum=2), a={"v": 1.0}, b="raise", c={"v": math.nan})
    assert isinstance(failed, RecordError)
    assert failed.reason is Reason.MODEL_ERROR


def test_numbers_are_of_the_names_that_all_tell(tmp_path: Path) -> None:
    found = ask(numbers(tmp_path), a={"v": 1.0, "w": 9.0}, b={"v": 2.0}, c={"v": 3.0})
    assert found.values == {"v": 2.0}
    none = ask(numbers(tmp_path), a={"v": 1.0}, b={"w": 2.0}, c={"v": 3.0})
    assert isinstance(none, RecordError)
    assert "in common" in none.detail


def test_labels_apply_by_the_mean_of_what_members_say(tmp_path: Path) -> None:
    said = {"x": {"late": 0.8, "rude": 0.2}, "y": {"late": 0.4, "lost": 0.9}}
    found = ask(labels(tmp_path), **said)
    assert found.labels == ["late"]
    assert found.scores == pytest.approx({"late": 0.6, "lost": 0.45, "rude": 0.1})
    assert isinstance(found, JointLabels)
    low = ask(labels(tmp_path, threshold=0.4, weights=(1, 3), top=1), **said)
    assert low.labels == ["lost", "late"]
    assert low.scores == {"lost": pytest.approx(0.675)}
    assert ask(labels(tmp_path), x={}, y={}).labels == []


@pytest.mark.parametrize("answer", [JointEstimate({"v": 1.0}, {"v": 0.0}, ["a@1"])])
def test_an_answer_survives_the_way_to_the_topic(answer: Any) -> None:
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=type(answer))
    assert msgspec.json.decode(msgspec.json.encode(packed), type=type(answer)) == answer


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: NumberEnsemble("n", (A,)), "two members"),
        (lambda: NumberEnsemble("n", (A, Scripted("p"))), "no `Estimate`s"),
        (lambda: NumberEnsemble("n", (A, B), by=cast(Any, "mode")), "neither mean nor median"),
        (lambda: NumberEnsemble("n", (A, B), weights=(1,)), "2 weights"),
        (lambda: NumberEnsemble("n", (A, B), weights=(1, 0)), "above 0"),
        (lambda: NumberEnsemble("n", (A, B), quorum=3), "quorum"),
        (lambda: LabelsEnsemble("l", (X, A)), "no `Labels`s"),
        (lambda: LabelsEnsemble("l", (X, Y), threshold=2), "threshold"),
        (lambda: LabelsEnsemble("", (X, Y)), "no name"),
    ],
)
def test_what_cannot_be_asked_together_is_refused(make: Any, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        make()


def test_what_changes_an_answer_changes_the_version(tmp_path: Path) -> None:
    made: list[Model[Any]] = [
        NumberEnsemble("n", (A, B)),
        NumberEnsemble("n", (A, B), by="median"),
        NumberEnsemble("n", (A, C)),
        NumberEnsemble("n", (A, B), weights=(1, 2)),
    ]
    assert len({resolve(one, tmp_path).version for one in made}) == len(made)


def test_fitted_regressors_vote_on_a_real_set(tmp_path: Path) -> None:
    rows, targets = datasets.load_diabetes(return_X_y=True)
    order = np.random.default_rng(1).permutation(len(rows))
    known, held_out = np.split(order, [300])
    values = [orjson.dumps({"x": row.tolist()}) for row in rows]
    records = [Record("t", 0, int(at), 0, None, values[at], ()) for at in known]
    chain = t.Chain(t.Numbers("x", rows.shape[1]), t.StandardScale())
    kinds = {"line": Ridge(), "near": KNeighborsRegressor(15)}
    for name, kind in kinds.items():
        fit(tmp_path / name, records, targets[known].tolist(), chain=chain, estimator=kind)
    members = [Sklearn("regression", str(tmp_path / name)) for name in kinds]
    poll = NumberVoter(resolve(NumberEnsemble("n", members), tmp_path), "cpu")
    found = poll.predict([poll.decode(values[at]) for at in held_out])
    alone = [
        make_pipeline(StandardScaler(), kind)
        .fit(rows[known], targets[known])
        .predict(rows[held_out])
        for kind in kinds.values()
    ]
    voted = np.array([one.value if isinstance(one, Estimate) else math.nan for one in found])
    np.testing.assert_allclose(voted, np.mean(alone, axis=0), rtol=1e-6)
    wrong = [np.sqrt(np.mean((one - targets[held_out]) ** 2)) for one in (voted, *alone)]
    assert wrong[0] < min(wrong[1:])
