"""What a body holds, and what became of the records it was handed.

Rows of a partition are resolved in offset order: a record is resolved when the body asks for
the next one (answered or quiet), or when it fails. Resolved rows gather in a `Unit`, which is
passed on when the body would wait or the unit is large, so that one delivery serves many rows.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, is_dataclass
from types import NoneType
from typing import Any, Protocol

import msgspec
import orjson

from aimass_stream.errors import RecordError
from aimass_stream.records import Chunk
from aimass_stream.records.identity import NO_MODEL

UNIT_ROWS = 1024
WORK_ROWS = 256
UNIT_BYTES = 512 * 1024

# A union would be made anew at each call.
_PLAIN = (dict, list, tuple)
_encode_struct = msgspec.json.Encoder().encode


class ReadAhead(Protocol):
    """Something under way for rows of a work."""

    def cancel(self) -> None:
        """Nobody wants it any more."""
        ...


@dataclass(slots=True)
class Work:
    """A chunk on its way through one body.

    Attributes:
        chunk: the columns.
        first_ordinal: the ledger's number of row 0.
        next_row: the first row not yet resolved.
        bounds: rows that a batch must not reach across, nearest last; set while a batch that
            the body raised on is handed out again in halves.
        ahead: what was computed for its rows before the body came to them, by who computed
            it; kept so that a body called again does not pay for it twice.
        is_taken: somebody has read it, so that nothing may be added to it any more.
    """

    chunk: Chunk
    first_ordinal: int
    next_row: int = 0
    bounds: list[int] = field(default_factory=list)
    ahead: dict[str, ReadAhead] = field(default_factory=dict)
    is_taken: bool = False

    def __len__(self) -> int:
        return len(self.chunk)

    def join(self, following: Work) -> bool:
        """Take in the work behind this one, if nobody has read this one; whether it did.

        What gathered while the body was busy is then handled at once, as one chunk.
        """
        if self.is_taken or len(self) + len(following) > WORK_ROWS:
            return False
        self.chunk = self.chunk.join(following.chunk)
        return True

    def batch_end(self, end_row: int) -> int:
        """Where a batch that begins at `next_row` and would end at `end_row` must end."""
        while self.bounds and self.bounds[-1] <= self.next_row:
            self.bounds.pop()
        return min(end_row, self.bounds[-1]) if self.bounds else end_row

    def halve(self, rows: Sequence[int], end_row: int) -> None:
        """Hand out `rows`, which end before `end_row`, again as two batches, left half first."""
        self.bounds += [end_row, rows[len(rows) // 2]]


@dataclass(slots=True)
class Answers:
    """Outputs of a body, encoded: columns of what has one ordinal and one model.

    Attributes:
        rows: the row each value belongs to.
        values: as they are sent.
        states: how far the learners behind each had learnt; empty where none was.
    """

    ordinal: int
    model: str
    rows: list[int]
    values: list[bytes]
    states: list[str]

    def without(self, rows: Container[int]) -> Answers:
        """The same, some rows left out."""
        kept = [at for at, row in enumerate(self.rows) if row not in rows]
        return Answers(
            self.ordinal,
            self.model,
            [self.rows[at] for at in kept],
            [self.values[at] for at in kept],
            [self.states[at] for at in kept] if self.states else [],
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one row is dead-lettered."""

    row: int
    model: str
    error: RecordError


@dataclass(slots=True)
class Unit:
    """Resolved rows `first_row` up to `end_row` of one work, ready to be delivered.

    A row with an answer is answered, one with a failure is dead-lettered, the rest are quiet.
    """

    work: Work
    first_row: int
    end_row: int
    answers: list[Answers] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, answers: Answers) -> None:
        """Append answers to rows at or behind those that are there."""
        last = self.answers[-1] if self.answers else None
        if (
            last is not None
            and last.ordinal == answers.ordinal
            and last.model == answers.model
            and bool(last.states) == bool(answers.states)
        ):
            last.rows += answers.rows
            last.values += answers.values
            last.states += answers.states
        else:
            self.answers.append(answers)
        self.size_bytes += sum(map(len, answers.values))


@dataclass(frozen=True, slots=True)
class Holding:
    """What the body holds: rows of one work that are resolved together.

    Attributes:
        rows: the rows handed out, in order.
        end_row: where the next hand-out begins.
        model: who scored them, for the answers' headers.
        aligned: whether a yield is a list with one item a row (the batch form).
        failures: rows before `end_row` that are not among `rows`, and why.
        states: for each of `rows` the state of the learners that scored it; empty for models.
    """

    work: Work
    rows: Sequence[int]
    end_row: int
    model: str
    aligned: bool = False
    failures: Sequence[Failure] = ()
    states: Sequence[str] = ()


class Handover:
    """The bookkeeping between one body and its delivery; used from one task only."""

    def __init__(self, deliver: Callable[[Unit], None]) -> None:
        self._deliver = deliver
        self._held: Holding | None = None
        self._yields = 0
        self._pending: list[Answers] = []
        self._unit: Unit | None = None
        self.handed_out = 0

    @property
    def held(self) -> Holding | None:
        """What the body holds now."""
        return self._held

    def hand_out(self, holding: Holding) -> None:
        """Resolve what was held, and let the body hold this."""
        self.resolve()
        self._held = holding
        self.handed_out += 1

    def collect(self, output: Any) -> None:
        """Take one yield of the body for what it holds.

        Raises:
            RuntimeError: the body yielded before it was handed a record, or a list that does
                not fit its batch.
            TypeError: the output is nothing that `encode` takes.
        """
        held = self._held
        if held is None:
            raise RuntimeError("the body yielded before it took a record from its stream")
        if held.aligned:
            self._pending.append(self._align(held, output))
        else:
            row, states = held.rows[0], list(held.states)
            self._pending.append(Answers(self._yields, held.model, [row], [encode(output)], states))
        self._yields += 1

    def _align(self, held: Holding, outputs: Any) -> Answers:
        if len(outputs) != len(held.rows):
            raise RuntimeError(
                f"the body yielded {len(outputs)} outputs for a batch of {len(held.rows)} records; "
                "yield one list with an item a record, None where none is due"
            )
        rows = list(held.rows)
        states = list(held.states)
        kinds = set(map(type, outputs))
        if NoneType in kinds:
            due = [at for at, output in enumerate(outputs) if output is not None]
            rows, outputs = [rows[at] for at in due], [outputs[at] for at in due]
            states = [states[at] for at in due] if states else []
        values = list(outputs) if kinds == {bytes} else [encode(output) for output in outputs]
        return Answers(self._yields, held.model, rows, values, states)

    def resolve(self) -> None:
        """The body is done with what it holds: answered where it yielded, quiet elsewhere."""
        held = self._held
        if held is None:
            return
        unit = self._open_unit(held.work)
        unit.failures.extend(held.failures)
        for answers in self._pending:
            unit.add(answers)
        self._advance(unit, held.end_row)

    def fail_held(self, error: RecordError) -> None:
        """What the body holds is dead-lettered; its buffered yields are dropped."""
        held = self._held
        if held is None:
            return
        unit = self._open_unit(held.work)
        unit.failures.extend(held.failures)
        unit.failures.extend(Failure(row, held.model, error) for row in held.rows)
        self._advance(unit, held.end_row)

    def drop_held(self) -> Holding | None:
        """Take back what the body holds, unresolved, with its buffered yields."""
        held, self._held = self._held, None
        self._pending = []
        self._yields = 0
        return held

    def fail(self, work: Work, row: int, error: RecordError, model: str = NO_MODEL) -> None:
        """A row fails before the body could hold it; rows before it are resolved first."""
        self.resolve()
        unit = self._open_unit(work)
        unit.failures.append(Failure(row, model, error))
        self._advance(unit, row + 1)

    def skip_to(self, work: Work, row: int) -> None:
        """Rows before `row` that nobody held are quiet (tombstones)."""
        self.resolve()
        if row > work.next_row:
            self._advance(self._open_unit(work), row)

    def flush(self) -> None:
        """Pass on what is resolved."""
        unit, self._unit = self._unit, None
        if unit is not None and unit.end_row > unit.first_row:
            self._deliver(unit)

    def _open_unit(self, work: Work) -> Unit:
        unit = self._unit
        if unit is None or unit.work is not work:
            self.flush()
            unit = self._unit = Unit(work, work.next_row, work.next_row)
        return unit

    def _advance(self, unit: Unit, end_row: int) -> None:
        self._held = None
        self._pending = []
        self._yields = 0
        unit.end_row = unit.work.next_row = end_row
        full = unit.end_row - unit.first_row >= UNIT_ROWS or unit.size_bytes >= UNIT_BYTES
        if full or end_row == len(unit.work):
            self.flush()


def encode(output: Any) -> bytes:
    """JSON of an output; bytes are taken as encoded already.

    Raises:
        TypeError: the output is no Struct, dict, list, dataclass or bytes, or holds what JSON
            cannot.
    """
    if isinstance(output, bytes):
        return output
    if isinstance(output, msgspec.Struct):
        return _encode_struct(output)
    if not isinstance(output, _PLAIN) and not is_dataclass(output):
        raise TypeError(
            f"the body yielded a value of type {type(output).__name__}; yield a msgspec.Struct, a "
            "dict, a list, a dataclass or bytes"
        )
    return orjson.dumps(output, option=orjson.OPT_SERIALIZE_NUMPY)
