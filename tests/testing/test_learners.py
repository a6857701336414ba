"""Each law catches a learner that breaks it, and lets one pass that does not."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec
import numpy as np
import pytest

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Learner, Snapshot
from aimass_stream.records import Surprise
from aimass_stream.testing import LEARNER_CHECKS, LearnerCheckError, check_learner
from tests.learners.events import event_of

_ticks = count()


class Mean:
    """How far a number is from the mean of all before."""

    def __init__(self, settings: Any) -> None:
        self.total = np.zeros(2)

    def read(self, event: Event) -> float:
        try:
            number = msgspec.json.decode(event.value, type=float)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise RecordError(Reason.BAD_ENVELOPE, str(error)) from None
        if not -1e9 < number < 1e9:
            raise RecordError(Reason.BAD_ENVELOPE, "too large")
        return number

    def score(self, inputs: Sequence[float]) -> list[Surprise]:
        mean = self.total[0] / max(self.total[1], 1)
        return [self.answer(abs(number - mean)) for number in inputs]

    def answer(self, away: float) -> Surprise:
        return Surprise(float(away / (1 + away)), 0.9, is_alarm=False, reason="")

    def learn(self, inputs: Sequence[float]) -> None:
        self.total += [sum(inputs), len(inputs)]

    def snapshot(self) -> Snapshot:
        return Snapshot({"total": self.total.copy()}, {})

    def restore(self, snapshot: Snapshot) -> None:
        self.total = snapshot.arrays["total"].astype(np.float64)


class ScoringLearns(Mean):
    def score(self, inputs: Sequence[float]) -> list[Surprise]:
        answers = super().score(inputs)
        self.total += [0, 1]
        return answers


class LooksAhead(Mean):
    def score(self, inputs: Sequence[float]) -> list[Surprise]:
        return [self.answer(abs(number - max(inputs))) for number in inputs]


class CountsDeliveries(Mean):
    """How often it was asked shows in the state."""

    asked = 0

    def score(self, inputs: Sequence[float]) -> list[Surprise]:
        self.asked += 1
        return super().score(inputs)

    def learn(self, inputs: Sequence[float]) -> None:
        super().learn(inputs)
        self.total[0] += self.asked > 1
        self.asked = 0


class AnswersInfinity(Mean):
    def answer(self, away: float) -> Surprise:
        return Surprise(float("nan"), 0.9, is_alarm=False, reason="")


class LearnsFromScores(Mean):
    def score(self, inputs: Sequence[float]) -> list[Surprise]:
        self.scored = len(inputs)
        return super().score(inputs)

    def learn(self, inputs: Sequence[float]) -> None:
        super().learn(inputs[: getattr(self, "scored", 1)])


class LooksAtTheClock(Mean):
    def learn(self, inputs: Sequence[float]) -> None:
        self.total += [next(_ticks), len(inputs)]


class ForgetsToSave(Mean):
    def snapshot(self) -> Snapshot:
        return Snapshot({"total": self.total[:1].copy()}, {})

    def restore(self, snapshot: Snapshot) -> None:
        self.total = np.append(snapshot.arrays["total"], 7.0)


class HidesState(Mean):
    """What the snapshot does not hold shows some blocks later only."""

    blocks = 0

    def learn(self, inputs: Sequence[float]) -> None:
        self.blocks += 1
        super().learn(inputs if self.blocks % 5 else inputs[:1])


class SavesObjects(Mean):
    def snapshot(self) -> Snapshot:
        return Snapshot({"total": self.total.copy()}, {"kinds": {1: (2,)}})


class SharesItsArrays(Mean):
    def snapshot(self) -> Snapshot:
        return Snapshot({"total": self.total}, {})


class RaisesAnything(Mean):
    def read(self, event: Event) -> float:
        return float(event.value)


class Grows(Mean):
    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.all: list[float] = []

    def learn(self, inputs: Sequence[float]) -> None:
        super().learn(inputs)
        self.all += inputs

    def snapshot(self) -> Snapshot:
        return Snapshot({"total": self.total.copy(), "all": np.array(self.all)}, {})


BROKEN = {
    ScoringLearns: "score_is_pure",
    LooksAhead: "deliveries_change_nothing",
    CountsDeliveries: "deliveries_change_nothing",
    AnswersInfinity: "answers_fit",
    LearnsFromScores: "learning_needs_no_scoring",
    LooksAtTheClock: "same_log_same_state",
    ForgetsToSave: "restored_equals_uninterrupted",
    HidesState: "restored_equals_uninterrupted",
    SavesObjects: "snapshot_is_plain",
    SharesItsArrays: "snapshot_stays",
    RaisesAnything: "bad_events_are_refused",
    Grows: "memory_is_bounded",
}


def declared(kind: type[Mean]) -> Learner[Surprise]:
    class Declared(Learner[Surprise]):
        adapter = f"{__name__}:{kind.__name__}"

        @property
        def answer_type(self) -> type[Surprise]:
            return Surprise

    return Declared(name=kind.__name__, block_rows=4)


def numbers() -> list[Event]:
    draw = np.random.default_rng(0)
    values = draw.normal(size=60).tolist()
    return [
        msgspec.structs.replace(event_of(i, {}), value=msgspec.json.encode(value))
        for i, value in enumerate(values)
    ]


@pytest.mark.parametrize("check", LEARNER_CHECKS)
def test_a_learner_that_keeps_the_laws_passes(check: str) -> None:
    check_learner(declared(Mean), numbers(), only=[check])


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_learner_that_breaks_a_law_is_caught(kind: type[Mean]) -> None:
    with pytest.raises(LearnerCheckError, match=kind.__name__):
        check_learner(declared(kind), numbers(), only=[BROKEN[kind]])


def test_every_law_is_broken_by_somebody() -> None:
    assert set(BROKEN.values()) == set(LEARNER_CHECKS)
