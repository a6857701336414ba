"""Every learner crossed with every law."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aimass_stream.learner import Event, Learner
from aimass_stream.learners.anomaly import (
    AutoencoderDetector,
    EnsembleDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    MahalanobisDetector,
    TailsDetector,
    ValueDetector,
)
from aimass_stream.learners.heads import Head
from aimass_stream.learners.recommendation import Recommender
from aimass_stream.testing import LEARNER_CHECKS, check_learner
from tests.learners.events import head_log, rename, shopping, value_log, vector_log, walks


@dataclass(frozen=True)
class Case:
    """A learner and its log; bounds are small, so that the log fills them."""

    learner: Learner[Any]
    events: Callable[[], list[Event]]
    renew: Callable[[Event, int], Event] | None = None


LABELS = ["a", "b", "c"]
SMALL: dict[str, Any] = {
    "block_rows": 16,
    "warm_records": 60,
    "alarm_share": 0.1,
    "rest_records": 3,
    "compared_records": 200,
    "keys": 20,
}
# Refits under way at some block boundaries, in force at others, two of them in one block.
SMALL_FOREST = SMALL | {
    "window_records": 64,
    "refit_records": 40,
    "delay_records": 30,
    "trees": 5,
    "tree_records": 16,
}
SMALL_TREES = SMALL | {"trees": 3, "height": 4, "window_records": 50}
SMALL_NET = SMALL | {"hidden": (8, 3), "replay_records": 50}
SMALL_WINDOW = SMALL | {"window_records": 64, "refit_records": 40}
SMALL_VALUES: dict[str, Any] = {
    "block_rows": 16,
    "alarm_score": 0.5,
    "warm_records": 10,
    "rest_records": 3,
    "recent_values": 20,
    "keys": 12,
}
MEMBERS = (
    IsolationForestDetector("forest", **SMALL_FOREST),
    AutoencoderDetector("net", **SMALL_NET),
    HalfSpaceTreesDetector("trees", **SMALL_TREES),
)
CASES = {
    "ensemble": Case(
        EnsembleDetector("ensemble", MEMBERS, **SMALL), lambda: walks(330, 12)[0], rename
    ),
    "forest-vector": Case(
        IsolationForestDetector("forest", features="vector", dimensions=4, **SMALL_FOREST),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "forest-behaviour": Case(
        IsolationForestDetector("forest", **SMALL_FOREST), lambda: walks(330, 12)[0], rename
    ),
    "forest-large-blocks": Case(
        IsolationForestDetector("forest", **SMALL_FOREST | {"block_rows": 100}),
        lambda: walks(900, 12)[0],
        rename,
    ),
    "autoencoder-vector": Case(
        AutoencoderDetector("net", features="vector", dimensions=4, **SMALL_NET),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "autoencoder-behaviour": Case(
        AutoencoderDetector("net", **SMALL_NET), lambda: walks(330, 12)[0], rename
    ),
    "half-space-trees-vector": Case(
        HalfSpaceTreesDetector("trees", features="vector", dimensions=4, **SMALL_TREES),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "half-space-trees-behaviour": Case(
        HalfSpaceTreesDetector("trees", **SMALL_TREES), lambda: walks(330, 12)[0], rename
    ),
    "mahalanobis": Case(
        MahalanobisDetector("far", features="vector", dimensions=4, **SMALL_WINDOW),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "tails": Case(
        TailsDetector("tails", features="vector", dimensions=4, **SMALL_WINDOW),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "ensemble-furthest": Case(
        EnsembleDetector(
            "any",
            (
                MahalanobisDetector("far", features="vector", dimensions=4, **SMALL_WINDOW),
                TailsDetector("tails", features="vector", dimensions=4, **SMALL_WINDOW),
            ),
            features="vector",
            dimensions=4,
            combine="furthest",
            **SMALL,
        ),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "values": Case(ValueDetector("values", **SMALL_VALUES), lambda: value_log(40, 9)[0], rename),
    "values-of-one-series": Case(
        ValueDetector("values", **SMALL_VALUES | {"keys": 1}), lambda: value_log(200, 1)[0], rename
    ),
    "recommender": Case(
        Recommender(
            "shop",
            items=30,
            users=8,
            sessions=20,
            baskets=10,
            hide_bought_events=20,
            block_rows=16,
        ),
        lambda: shopping(330, 10, 40, positions=True),
        rename,
    ),
    "head": Case(
        Head("head", tuple(LABELS), 16, keep_records=40), lambda: head_log(100, LABELS, 16)
    ),
}


@pytest.mark.parametrize("check", LEARNER_CHECKS)
@pytest.mark.parametrize("learner", CASES)
def test_law(learner: str, check: str) -> None:
    case = CASES[learner]
    check_learner(case.learner, case.events(), only=[check], renew=case.renew)
