"""Kinds that are fitted anew forget what no longer holds, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aimass_stream.learners.online import OnlineClassifier, OnlineRegressor
from aimass_stream.learners.online.declarations import REFITTED
from aimass_stream.learners.online.state import ClassifierState, RegressorState
from aimass_stream.records import Prediction
from tests.learners.cases import CASES
from tests.learners.events import event_of

ROWS = 400


def values_of(target: str, *, changed: bool, seed: int = 0) -> list[dict[str, Any]]:
    """Points, and their side of a line or distance from it; the other way where changed."""
    points = np.random.default_rng(seed).normal(size=(ROWS, 2))
    sides = points[:, 0] * (-1 if changed else 1)
    if target == "label":
        return [
            {"x": point.tolist(), "label": "in" if side > 0 else "out"}
            for point, side in zip(points, sides, strict=True)
        ]
    pairs = zip(points.tolist(), sides.tolist(), strict=True)
    return [{"x": point, "value": 100 + 30 * side} for point, side in pairs]


def state_of(kind: Any, target: str) -> ClassifierState | RegressorState:
    told: dict[str, Any] = {"dimensions": 2, "kind": kind, "refit_trees": 10}
    if target == "label":
        return ClassifierState(OnlineClassifier("c", labels=("in", "out"), **told).settings)
    return RegressorState(OnlineRegressor("r", **told).settings)


def errors_of(state: ClassifierState | RegressorState, values: list[dict[str, Any]]) -> float:
    """How wrong answers are, each before its record was learnt: a share, or a mean distance."""
    found: list[float] = []
    for value in values:
        one = state.read(event_of(0, value))
        (answer,) = state.score([one])
        state.learn([one])
        if isinstance(answer, Prediction):
            found.append(answer.label != value["label"])
        elif answer is not None:
            found.append(abs(answer.value - value["value"]))
    return float(np.mean(found))


def kept(state: ClassifierState | RegressorState) -> int:
    return len(state.snapshot().arrays["model.latest"])


@pytest.mark.parametrize(
    ("kind", "target"),
    [(kind, "label") for kind in REFITTED]
    + [(kind, "value") for kind in REFITTED if kind != "perceptron"],
)
def test_a_change_is_learnt_as_soon_as_the_first_time(kind: Any, target: str) -> None:
    state = state_of(kind, target)
    first = errors_of(state, values_of(target, changed=False))
    assert kept(state) == ROWS
    behind = values_of(target, changed=True, seed=1)
    errors_of(state, behind[:100])
    assert kept(state) < 150
    assert errors_of(state, behind[100:]) < 1.5 * first


def test_the_log_that_the_laws_are_checked_on_holds_a_change() -> None:
    case = CASES["classifier-of-what-changes"]
    state = ClassifierState(case.learner.settings)
    counts = []
    for event in case.events():
        state.learn([state.read(event)])
        counts.append(kept(state))
    assert min(counts[200:]) < 100 == counts[199]
