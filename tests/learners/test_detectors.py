"""What detectors find, and how they say it."""

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aimass_stream.errors import ConfigError
from aimass_stream.learner import Event
from aimass_stream.learners.anomaly import (
    AutoencoderDetector,
    Detector,
    EnsembleDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    MahalanobisDetector,
    TailsDetector,
    vector_ensemble,
)
from aimass_stream.learners.anomaly.state import DetectorState
from aimass_stream.records import Surprise
from tests.learners.events import event_of, vector_log, walks

COMMON: dict[str, Any] = {"alarm_share": 0.02, "warm_records": 300}
FOREST = COMMON | {"trees": 50, "window_records": 1024}
BEHAVIOUR: list[Detector] = [
    IsolationForestDetector("forest", **FOREST),
    AutoencoderDetector("autoencoder", **COMMON),
    HalfSpaceTreesDetector("trees", **COMMON),
    EnsembleDetector(
        "all", (IsolationForestDetector("forest"), AutoencoderDetector("net")), **COMMON
    ),
]
VECTORS: list[Detector] = [
    IsolationForestDetector("forest", features="vector", dimensions=6, **FOREST),
    AutoencoderDetector("autoencoder", features="vector", dimensions=6, **COMMON),
    HalfSpaceTreesDetector("trees", features="vector", dimensions=6, **COMMON),
    MahalanobisDetector("mahalanobis", features="vector", dimensions=6, **COMMON),
    TailsDetector("tails", features="vector", dimensions=6, **COMMON),
    vector_ensemble("vectors", 6, **COMMON),
]


def state_of(detector: Detector) -> DetectorState:
    module, _, name = detector.adapter.partition(":")
    state: DetectorState = getattr(import_module(module), name)(detector.settings)
    return state


def run(detector: Detector, events: Sequence[Event]) -> list[Surprise]:
    state = state_of(detector)
    answers: list[Surprise] = []
    for i in range(0, len(events), detector.block_rows):
        block = [state.read(event) for event in events[i : i + detector.block_rows]]
        answers += state.score(block)
        state.learn(block)
    return answers


def auc(answers: Sequence[Surprise], planted: NDArray[np.bool_], warm: int) -> float:
    """Area under the ROC curve: how often a planted record scores above another one."""
    scores = np.array([answer.score for answer in answers])[warm:]
    unusual, usual = scores[planted[warm:]], scores[~planted[warm:]]
    above = (unusual[:, None] > usual).mean() + (unusual[:, None] == usual).mean() / 2
    return float(above)


@pytest.mark.parametrize("detector", VECTORS, ids=lambda d: d.name)
def test_planted_vectors_stand_out(detector: Detector) -> None:
    events, planted = vector_log(2000, 6)
    assert auc(run(detector, events), planted, 600) > 0.9


@pytest.mark.parametrize("detector", BEHAVIOUR, ids=lambda d: d.name)
def test_planted_jumps_stand_out_and_are_named(detector: Detector) -> None:
    events, planted = walks(3000, 20)
    answers = run(detector, events)
    assert auc(answers, planted, 600) > 0.9
    found = [a for a, is_planted in zip(answers, planted, strict=True) if is_planted and a.is_alarm]
    assert len(found) > 0.5 * planted[600:].sum()
    named = [a for a in found if a.reason.startswith(("speed ", "distance "))]
    assert len(named) > 0.8 * len(found)


@pytest.mark.parametrize("detector", BEHAVIOUR, ids=lambda d: d.name)
def test_alarms_stay_within_their_share(detector: Detector) -> None:
    events, _ = walks(2000, 20, share=0.0)
    answers = run(detector, events)
    assert not any(answer.is_alarm for answer in answers[: detector.warm_records])
    assert np.mean([answer.is_alarm for answer in answers]) < 2.5 * detector.alarm_share


def test_a_reason_has_units_and_what_was_usual() -> None:
    detector = IsolationForestDetector("forest", **FOREST)
    events, _ = walks(1280, 20, share=0.0)
    state = state_of(detector)
    for i in range(0, len(events), 64):
        state.learn([state.read(event) for event in events[i : i + 64]])
    at = [{"user": "u", "kind": "position", "lat": 52.5, "lon": 13.4 + i * 0.1} for i in range(2)]
    rows = [state.read(event_of(i, at[i], after_ms=i * 60_000)) for i in range(2)]
    answer = state.score(rows)[1]
    text = r"distance from the usual centre 6.8 km, usually 0\.\d+ ± 0\.\d+$"
    assert re.match(text, answer.reason)
    assert list(answer.parts)[:2] == ["distance from the usual centre", "speed"]


def test_an_alarm_lets_its_key_rest_also_within_a_block() -> None:
    detector = IsolationForestDetector(
        "forest", features="vector", dimensions=2, rest_records=3, block_rows=8, **FOREST
    )
    events, _ = vector_log(640, 2, share=0.0, keys=5)
    state = state_of(detector)
    for i in range(0, len(events), 8):
        state.learn([state.read(event) for event in events[i : i + 8]])
    far = [state.read(event_of(i, {"x": [90.0, -90.0]}, key="k")) for i in range(8)]
    alarms = [answer.is_alarm for answer in state.score(far)]
    assert alarms == [True, False, False, False, True, False, False, False]
    state.learn(far[:2])
    assert [answer.is_alarm for answer in state.score(far[2:6])] == [False, False, True, False]


@pytest.mark.parametrize(
    "settings",
    [
        {"features": "vector"},
        {"dimensions": 3},
        {"features": "text"},
        {"alarm_share": 0.0},
        {"warm_records": 0},
        {"trees": 1},
        {"delay_records": 2000},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="forest"):
        IsolationForestDetector("forest", **settings)
