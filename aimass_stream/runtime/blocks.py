"""A learner's state at its place in the log: repeats dropped, blocks scored, then learnt.

Pure bookkeeping in the learner process: no Kafka, no files. Everything here is a function of
the events taken so far, wherever chunks of them ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from math import isfinite
from typing import Any, Generic, TypeVar

import msgspec

from aimass_stream.error_text import describe, trace_of
from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, LearnerState, Snapshot

InputT = TypeVar("InputT")

SEEN_IDS = 65_536
"""Ids remembered, so many of the engine's own last records are recognised when repeated."""
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class LaidDown:
    """A state between two blocks: of the block that is open it has nothing.

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
        self._seen_learnt = 0
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
        self._seen_learnt = len(self._seen)
        self._pending = []
        self.learnt_to = laid_down.offset

    def lay_down(self) -> LaidDown:
        """The state as of `learnt_to`; records behind it will have to be taken again."""
        # Ids of the open block would make its records repeats of themselves.
        seen = b"".join(islice(self._seen, self._seen_learnt))
        return LaidDown(self.learnt_to, self._state.snapshot(), seen)

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
        start = 0
        while start < len(rows):
            part, twins, end = self._next_part(rows, start)
            outcomes = self._score(self._pending, [rows[at][1] for at in part]) if part else []
            for at, outcome in zip(part, outcomes, strict=True):
                answers[at], states[at] = outcome, self.learnt_to
                if not isinstance(outcome, RecordError):
                    self._pending.append(rows[at][1])
                    self._remember(rows[at][0])
            for at, first in twins:
                # What was not learnt is no repeat; scored again it would fail again.
                answers[at] = answers[first] if isinstance(answers[first], RecordError) else None
            if part:
                self._learn_full_block(rows[part[-1]][0].offset + 1)
            start = end
        return answers, states

    def _next_part(
        self, rows: Sequence[tuple[Event, InputT]], start: int
    ) -> tuple[list[int], list[tuple[int, int]], int]:
        """Rows to score together: what may complete the block, from `start` on.

        Returns:
            The rows that are no repeats, as many as the block has room for; pairs of a row and
            the one before it in this part that bears the same id; and where the next part begins.
        """
        part: list[int] = []
        twins: list[tuple[int, int]] = []
        first_of: dict[str, int] = {}
        room = self._block_rows - len(self._pending)
        at = start
        while at < len(rows) and len(part) < room:
            event_id = rows[at][0].id
            if event_id in first_of:
                twins.append((at, first_of[event_id]))
            elif not event_id or _digest(event_id) not in self._seen:
                part.append(at)
                if event_id:
                    first_of[event_id] = at
            at += 1
        return part, twins, at

    def _learn_full_block(self, next_offset: int) -> None:
        if len(self._pending) == self._block_rows:
            self._state.learn(self._pending)
            self.learnt_rows += len(self._pending)
            self.learnt_to, self._pending = next_offset, []
            # Here and nowhere else, so that chunks have no part in what is forgotten when.
            while len(self._seen) > SEEN_IDS:
                del self._seen[next(iter(self._seen))]
            self._seen_learnt = len(self._seen)

    def _remember(self, event: Event) -> None:
        """Know a repeat of this event by its id; only of what goes into a block."""
        if event.id:
            self._seen[_digest(event.id)] = None

    def _score(self, before: Sequence[InputT], inputs: Sequence[InputT]) -> list[Any]:
        """Answer inputs; one that cannot be answered costs itself and is not learnt from.

        Args:
            before: good records of the same block that stand before them. A learner may look at
                them (where a user was, what rests after an alarm), so they are scored again
                with what comes later, or answers would depend on where chunks ended.
            inputs: at least one.
        """
        try:
            answers = list(self._state.score([*before, *inputs]))[len(before) :]
            if len(answers) == len(inputs) and all(map(_is_finite, answers)):
                return answers
        except Exception as error:
            if len(inputs) == 1:
                return [RecordError(Reason.MODEL_ERROR, describe(error), trace_of(error))]
        else:
            if len(inputs) == 1:
                return [RecordError(Reason.INVALID_OUTPUT, _what_is_wrong(answers))]
        # Scoring changes nothing, so each half may be asked for again.
        half = len(inputs) // 2
        first = self._score(before, inputs[:half])
        good = [
            one
            for one, answer in zip(inputs[:half], first, strict=True)
            if not isinstance(answer, RecordError)
        ]
        return first + self._score([*before, *good], inputs[half:])


def _digest(event_id: str) -> bytes:
    return blake2b(event_id.encode(), digest_size=_ID_BYTES).digest()


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
