"""The state of the detector for single values.

Records that come together are walked through in turns: the first of every series at once, then
the second of those that have one. So a record is judged behind those before it of its series, and
the cost of a step is shared by as many series as come together. What comes later of the same block
goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.anomaly.values import norm, novelty, signals
from aimass_stream.learners.anomaly.values.detector import ValueDetector
from aimass_stream.learners.anomaly.values.memory import Ahead, Batch, Field, Memory, SeriesMemory
from aimass_stream.learners.anomaly.values.reasons import PARTS, reason_of
from aimass_stream.learners.features import LARGEST, Floats
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.records import Surprise

_FLOOR = 0.03
_KEPT = 0.7
_LOUDER = 3.0
_TIRING = 0.3
_RECOVERY_RECORDS = 1_000


class Reading(NamedTuple):
    """A record as read.

    Attributes:
        key: its series.
        value: finite.
        time_ms: event time, milliseconds since the epoch.
    """

    key: str
    value: float
    time_ms: int


class Judged(NamedTuple):
    """What is known of records, `(rows, ...)` each.

    Attributes:
        rarity: how unusual, 0 and more.
        parts: `(rows, len(PARTS))`: what speaks for it in each part.
        signals: `(rows, len(SIGNALS))`, and `low` and `high`, what they were compared with.
        near: the nearest earlier value.
        alarms: whether each is one.
    """

    rarity: Floats
    parts: Floats
    signals: Floats
    low: Floats
    high: Floats
    near: Floats
    alarms: NDArray[np.bool_]


class _Value(msgspec.Struct, frozen=True):
    value: float


class ValueState:
    """The `LearnerState` of `ValueDetector`.

    Args:
        settings: of the declaration.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._detector = ValueDetector("state", **settings)
        fields = {
            **signals.FIELDS,
            **novelty.fields(self._detector.recent_values),
            **norm.fields(len(PARTS)),
            "resting": Field((), np.int64),
            "peak": Field(),
            "evidence": Field((len(PARTS),)),
            "tired": Field(),
        }
        self._memory = SeriesMemory(fields, self._detector.keys)
        self._bar = rarity_of(self._detector.alarm_score)
        self._open = OpenBlock(lambda: Ahead(self._memory), self._answer)

    def read(self, event: Event) -> Reading:
        """A number, its series and its time.

        Raises:
            RecordError: BAD_ENVELOPE: it has another form, or is huge.
        """
        try:
            value = msgspec.json.decode(event.value, type=_Value).value
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise RecordError(Reason.BAD_ENVELOPE, f'not {{"value": number}}: {error}') from None
        if not -LARGEST <= value <= LARGEST:
            raise RecordError(Reason.BAD_ENVELOPE, f"a number beyond {LARGEST:g}")
        key = "" if event.key is None else event.key.decode(errors="replace")
        return Reading(key, value, event.timestamp_ms)

    def score(self, inputs: Sequence[Reading]) -> list[Surprise]:
        """How unusual each value is for its series."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[Reading]) -> None:
        """Learn a block."""
        self._open.ahead(inputs).keep()
        self._open.close()

    def snapshot(self) -> Snapshot:
        """Every series' memory."""
        arrays, keys = self._memory.snapshot()
        return Snapshot(dict(arrays), {"keys": keys, "parts": list(PARTS)})

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of other parts or lengths.
        """
        if snapshot.data["parts"] != list(PARTS):
            raise ValueError("a detector of other parts")
        self._memory.restore(snapshot.arrays, snapshot.data["keys"])
        self._open.close()

    def _answer(self, ahead: Ahead, rows: Sequence[Reading]) -> list[Surprise]:
        """Walk on through a block."""
        batch = ahead.take([row.key for row in rows])
        answers = self._answers(self._judge(batch, rows))
        ahead.put(batch)
        return answers

    def _judge(self, batch: Batch, rows: Sequence[Reading]) -> Judged:
        """Judge records in turns, each remembered in the batch."""
        values = np.array([row.value for row in rows], np.float64)
        times = np.array([row.time_ms for row in rows], np.int64)
        order = np.lexsort([batch.places, batch.turns])
        edges = np.searchsorted(batch.turns[order], np.arange(batch.turns.max(initial=-1) + 2))
        steps = []
        for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            turn = order[begin:end]
            # Series with the most records stand first, so those of a turn are the first of all.
            memory = {name: array[: end - begin] for name, array in batch.memory.items()}
            steps.append(self._step(memory, values[turn], times[turn]))
        back = np.argsort(order, kind="stable")
        return Judged(*(np.concatenate(part)[back] for part in zip(*steps, strict=True)))

    def _step(self, memory: Memory, values: Floats, times_ms: NDArray[np.int64]) -> Judged:
        """Judge one record of each series, and remember it."""
        heard = signals.look(memory, values)
        seen = novelty.look(memory, heard, times_ms)
        shares, near = novelty.nearest(memory, values, seen.range[:, 0])
        raw = np.concatenate([seen.outside, shares], axis=1)
        # What is unusual shows in several parts, some of them a few records later.
        parts = _KEPT * memory["evidence"] + np.log1p(raw / (_FLOOR + norm.usual(memory)))
        memory["evidence"][...] = parts
        norm.remember(memory, raw)
        rarity = parts.mean(axis=1)
        alarms = self._alarms(memory, rarity)
        return Judged(rarity, parts, heard, seen.low, seen.high, near, alarms)

    def _alarms(self, memory: Memory, rarity: Floats) -> NDArray[np.bool_]:
        """Which records are alarms; their series rest from now on, but for what is far louder."""
        resting, peak, tired = memory["resting"], memory["peak"], memory["tired"]
        # A series that has rung lately must have more to say.
        is_loud = (resting == 0) & (rarity >= self._bar * (1 + tired))
        is_louder = (resting > 0) & (rarity >= np.maximum(self._bar, _LOUDER * peak))
        is_warm = memory["seen"] > self._detector.warm_records
        alarms: NDArray[np.bool_] = (is_loud | is_louder) & is_warm
        resting[...] = np.where(alarms, self._detector.rest_records, np.maximum(resting - 1, 0))
        peak[...] = np.where(alarms, rarity, peak)
        tired *= 1 - 1 / _RECOVERY_RECORDS
        tired += _TIRING * alarms
        return alarms

    def _answers(self, judged: Judged) -> list[Surprise]:
        scores = score_of(judged.rarity)
        # An event is one alarm: what else belongs to it stays below.
        below = np.nextafter(self._detector.alarm_score, 0.0)
        scores = np.where(judged.alarms, scores, np.minimum(scores, below))
        return [self._surprise(judged, i, score) for i, score in enumerate(scores.tolist())]

    def _surprise(self, judged: Judged, i: int, score: float) -> Surprise:
        threshold = self._detector.alarm_score
        if not judged.alarms[i]:
            return Surprise(score, threshold, is_alarm=False, reason="as usual")
        reason, parts = reason_of(
            judged.parts[i], judged.signals[i], judged.low[i], judged.high[i], judged.near[i]
        )
        return Surprise(score, threshold, is_alarm=True, reason=reason, parts=parts)


_SCALE = 0.045


def score_of(rarity: Floats) -> Floats:
    """Rarities as scores, 0 to 1: 1 less the share of ordinary records that are as unusual.

    The share falls with the square of the rarity, as it does over many series of different
    kinds. A fixed curve resolves the far tail, where a count of earlier records could not tell
    the unusual from the extraordinary, and means the same for all series.
    """
    squared = (rarity / _SCALE) ** 2
    scores: Floats = squared / (1.0 + squared)
    return scores


def rarity_of(score: float) -> float:
    """The rarity that has a score."""
    return _SCALE * float(np.sqrt(score / (1.0 - score)))
