"""How many of the incidents that the demo plants the reference application's detectors find.

Events of a hundred users are spread over four partitions by their keys, and each partition has a
state of its own, as in `aimass demo`. Precision is over alarms, recall over incidents; an event
that is odd beside an incident counts as neither.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import islice
from typing import Any, NamedTuple

from aimass_stream.learner import Event, LearnerState
from aimass_stream.learners.anomaly import Detector
from aimass_stream.training.sessions import Truth, behaviour_events

EVENTS = 8_250
"""As many as a minute of the demo has."""

_USERS, _PARTITIONS = 100, 4
_FIRST_SEED = 100
"""Worlds of smaller seeds were looked at when constants were chosen."""

Log = Sequence[tuple[Event, Truth]]


class Found(NamedTuple):
    """What alarms amount to.

    Attributes:
        precision: share of alarms that are of an incident.
        recall: share of incidents with an alarm.
        alarms: how many were judged.
        incidents: how many were planted.
    """

    precision: float
    recall: float
    alarms: int
    incidents: int


def logs_of(seed: int) -> list[Log]:
    """The partitions of one world."""
    logs: list[list[tuple[Event, Truth]]] = [[] for _ in range(_PARTITIONS)]
    for made in islice(behaviour_events(_USERS, seed=seed), EVENTS):
        partition = zlib.crc32(made.key) % _PARTITIONS
        at = len(logs[partition])
        root = f"behaviour/{partition}/{at}"
        event = Event(at, "behaviour", made.time_ms, root, made.key, made.value)
        logs[partition].append((event, made.truth))
    return list(logs)


def alarms_in(log: Log, detector: Detector) -> set[int]:
    """The records of a partition that a detector raises an alarm on."""
    module, _, name = detector.adapter.partition(":")
    state: LearnerState[Any, Any] = getattr(import_module(module), name)(detector.settings)
    found = set()
    for first in range(0, len(log), detector.block_rows):
        block = [state.read(event) for event, _ in log[first : first + detector.block_rows]]
        found |= {
            first + i for i, answer in enumerate(state.score(block)) if answer and answer.is_alarm
        }
        state.learn(block)
    return found


def judge(worlds: Iterable[tuple[Sequence[Log], Sequence[set[int]]]]) -> Found:
    """Precision and recall over worlds: their partitions, and the records with an alarm."""
    right = judged = found = planted = 0
    for logs, alarms in worlds:
        truths = [truth for log in logs for _, truth in log]
        rung = [log[at][1] for log, each in zip(logs, alarms, strict=True) for at in each]
        rung = [truth for truth in rung if not truth.is_echo]
        judged += len(rung)
        right += sum(truth.anomaly is not None for truth in rung)
        found += len({truth.incident for truth in rung} - {None})
        planted += len({truth.incident for truth in truths} - {None})
    return Found(right / max(judged, 1), found / max(planted, 1), judged, planted)


def incidents(detectors: Sequence[Detector], worlds: int) -> dict[str, Found]:
    """Each detector, and all of them: an event that any rings for is one alert."""
    made = [logs_of(_FIRST_SEED + number) for number in range(worlds)]
    rung = {
        detector.name: [[alarms_in(log, detector) for log in logs] for logs in made]
        for detector in detectors
    }
    rung["either"] = [
        [set[int]().union(*parts) for parts in zip(*each, strict=True)]
        for each in zip(*rung.values(), strict=True)
    ]
    return {name: judge(zip(made, alarms, strict=True)) for name, alarms in rung.items()}
