"""A learner's state at its place in the log: repeats dropped, blocks scored, then learnt.

Pure bookkeeping in the learner process: no Kafka, no files. Everything here is a function of
the events taken so far, wherever chunks of them ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import isfinite
from typing import Any, Generic, TypeVar

import msgspec

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, LearnerState, Snapshot
from aimass_stream.runtime.faults import describe, trace_of

InputT = TypeVar("InputT")

SEEN_IDS = 65_536
"""Ids remembered, so many of the engine's own last records are recognised when repeated."""
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class LaidDown:
    """A state between two blocks.

    Attributes:
        offset: of the next event to take; everything before it is in the state.
        snapshot: the learner's own part.
        seen: ids remembered, oldest first, eight bytes each.
    """

    offset: int
    snapshot: Snapshot
    seen: bytes


class BlockLearner(Generic[InputT]):
    """Takes events of a log in order.

    Args:
        state: the learner; fresh, or restored by `restore`.
        block_rows: good records of a block.
        offset: of the first event it will be given.

    Attributes:
        learnt_to: offset after the last record learnt; what a snapshot of now includes.
        learnt_rows: records learnt since this object was made.
    """

    def __init__(self, state: LearnerState[InputT, Any], block_rows: int, offset: int) -> None:
        self._state = state
        self._block_rows = block_rows
        self._pending: list[InputT] = []
        self._seen: dict[bytes, None] = {}
        self.learnt_to = offset
        self.learnt_rows = 0

    def restore(self, laid_down: LaidDown) -> None:
        """Go on from a state that was laid down.

        Raises:
            ValueError: it does not fit this learner.
        """
        self._state.restore(laid_down.snapshot)
        ids = laid_down.seen
        self._seen = {ids[at : at + _ID_BYTES]: None for at in range(0, len(ids), _ID_BYTES)}
        self._pending = []
        self.learnt_to = laid_down.offset

    def lay_down(self) -> LaidDown:
        """The state as of `learnt_to`; call it only when `is_between_blocks`."""
        return LaidDown(self.learnt_to, self._state.snapshot(), b"".join(self._seen))

    @property
    def is_between_blocks(self) -> bool:
        """Whether everything taken has been learnt."""
        return not self._pending

    def take(self, rows: Sequence[tuple[Event, InputT]]) -> tuple[list[Any], list[int]]:
        """Score rows, and learn every block that they complete.

        Returns:
            For each row its answer, the `RecordError` that says why there is none, or None
            where none is due; and for each the `learnt_to` of the state that scored it.

        Raises:
            Exception: whatever `learn` raises; the state is then in doubt and must be dropped.
        """
        answers: list[Any] = [None] * len(rows)
        states = [self.learnt_to] * len(rows)
        fresh = [at for at, (event, _) in enumerate(rows) if not self._is_repeat(event)]
        start = 0
        while start < len(fresh):
            part = fresh[start : start + self._block_rows - len(self._pending)]
            outcomes = self._score([rows[at][1] for at in part])
            for at, outcome in zip(part, outcomes, strict=True):
                answers[at], states[at] = outcome, self.learnt_to
                if not isinstance(outcome, RecordError):
                    self._pending.append(rows[at][1])
            self._learn_full_block(rows[part[-1]][0].offset + 1)
            start += len(part)
        return answers, states

    def _learn_full_block(self, next_offset: int) -> None:
        if len(self._pending) == self._block_rows:
            self._state.learn(self._pending)
            self.learnt_rows += len(self._pending)
            self.learnt_to, self._pending = next_offset, []

    def _is_repeat(self, event: Event) -> bool:
        if not event.id:
            return False
        digest = blake2b(event.id.encode(), digest_size=_ID_BYTES).digest()
        if digest in self._seen:
            return True
        self._seen[digest] = None
        if len(self._seen) > SEEN_IDS:
            del self._seen[next(iter(self._seen))]
        return False

    def _score(self, inputs: list[InputT]) -> list[Any]:
        """Answer inputs; one that cannot be answered costs itself and is not learnt from."""
        try:
            answers = list(self._state.score(inputs))
            if len(answers) == len(inputs) and all(map(_is_finite, answers)):
                return answers
        except Exception as error:
            if len(inputs) == 1:
                return [RecordError(Reason.MODEL_ERROR, describe(error), trace_of(error))]
        else:
            if len(inputs) == 1:
                return [RecordError(Reason.INVALID_OUTPUT, _what_is_wrong(answers))]
        # Scoring changes nothing, so each may be asked for again alone.
        return [self._score([each])[0] for each in inputs]


def _what_is_wrong(answers: list[Any]) -> str:
    if len(answers) != 1:
        return f"the learner gave {len(answers)} answers for one record"
    return "the answer holds NaN or infinity"


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, msgspec.Struct):
        return all(_is_finite(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return True
