"""The records of one partition as one agent's body sees them.

A `Stream` is fed with works and read by the body, record by record or in batches. Whenever the
body would wait, what it has finished is passed on first, so that an answer never waits for the
next record. Used from one event loop only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from typing import Any, Generic, Protocol, TypeVar

from aimass_stream.errors import RecordError, without_frames
from aimass_stream.records import Chunk, Limits, Record
from aimass_stream.records.identity import NO_MODEL
from aimass_stream.runtime.batch import Hear
from aimass_stream.runtime.handover import Failure, Handover, Holding, Work

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class PartsOutlet(Protocol):
    """Where pieces of answers go that are being written."""

    def listen(self, chunk: Chunk, model: str) -> Hear:
        """What is to be told of the pieces that a model, `name@version`, writes for a chunk."""
        ...

    @property
    def is_delivered(self) -> bool:
        """Whether everything that was told is on the broker."""
        ...

    async def deliver_all(self) -> None:
        """Wait until everything that was told is on the broker."""
        ...


class Stream(Generic[R]):
    """Records of one partition, in offset order, for one agent.

    Iterating gives records; `batches` gives columns. Both hand out what is not yet resolved, so
    a body that is called again goes on where it stopped.

    Attributes:
        kind: the record type of the topic.
        limits: bounds that a record is checked against when no model checks it.
        lag: records of this partition behind on the broker, kept up to date by the engine.
        agent: the name of the agent that reads it.
        parts: where pieces of answers go that are being written; None where nobody wants them.
    """

    def __init__(
        self, kind: type[R], limits: Limits, handover: Handover, agent: str = "agent"
    ) -> None:
        self.agent = agent
        self.kind = kind
        self.limits = limits
        self.handover = handover
        self.lag = 0
        self.parts: PartsOutlet | None = None
        self._works: deque[Work] = deque()
        self._read = 0
        self._arrived = asyncio.Event()
        self._closed_by: set[str] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._idle = asyncio.Event()
        self._pumps: set[asyncio.Task[None]] = set()

    # -- the engine's side ---------------------------------------------------------------

    def put(self, work: Work) -> None:
        """Append a work; its rows follow those of the work before."""
        if not self._works or not self._works[-1].join(work):
            self._works.append(work)
        self._arrived.set()

    def close_for(self, cause: str) -> None:
        """Hand out nothing more until `open_for` the same cause."""
        self._closed_by.add(cause)
        self._open.clear()

    def open_for(self, cause: str) -> None:
        """Take a cause away; hand out again when none is left."""
        self._closed_by.discard(cause)
        if not self._closed_by:
            self._open.set()

    def is_closed_for(self, cause: str) -> bool:
        """Whether a cause is among those why nothing is handed out."""
        return cause in self._closed_by

    async def wait_idle(self) -> None:
        """Wait until the body waits for a record and everything before it is passed on."""
        await self._idle.wait()

    @property
    def is_idle(self) -> bool:
        """Whether the body waits for the engine, rather than the engine for the body."""
        return self._idle.is_set()

    @property
    def reads_ahead(self) -> bool:
        """Whether records are submitted before the body comes to them, as to a device."""
        return bool(self._pumps)

    @property
    def is_behind(self) -> bool:
        """Whether there are records that nobody has read yet."""
        return self._read < len(self._works)

    def rewind(self) -> None:
        """Begin again at the first unresolved row; what read ahead is stopped but kept."""
        for pump in self._pumps:
            pump.cancel()
        self._pumps.clear()
        self._read = 0

    def stop(self) -> None:
        """Give up: the partition is another worker's now, or this one ends."""
        self.rewind()
        for work in self._works:
            for ahead in work.ahead.values():
                ahead.cancel()

    # -- for what is built on a stream ---------------------------------------------------

    def start_pump(self, pump: Coroutine[Any, Any, None]) -> None:
        """Run a task that reads ahead until the stream is rewound."""
        self._pumps.add(asyncio.create_task(pump))

    def poll_work(self) -> Work | None:
        """The next work that nobody read since the last rewind; None when there is none yet."""
        while self._works and self._works[0].next_row >= len(self._works[0]):
            self._works.popleft()
            self._read = max(0, self._read - 1)
        if self._read >= len(self._works):
            return None
        self._read += 1
        work = self._works[self._read - 1]
        work.is_taken = True
        return work

    async def next_work(self) -> Work:
        """Wait for the next work."""
        while (work := self.poll_work()) is None:
            self._arrived.clear()
            await self._arrived.wait()
        return work

    async def take_work(self) -> Work:
        """The next work, for which the body waits if there is none yet."""
        work = self.poll_work()
        return work if work is not None else await self.pause(self.next_work())

    async def pause(self, awaited: Awaitable[T]) -> T:
        """Wait for something on the body's behalf, passing on what is finished first."""
        self.handover.resolve()
        self.handover.flush()
        self._idle.set()
        try:
            return await awaited
        finally:
            self._idle.clear()

    async def turn(self) -> None:
        """Wait here while nothing may be handed out; call it only when `closed`."""
        while self._closed_by:
            await self.pause(self._open.wait())

    @property
    def closed(self) -> bool:
        """Whether nothing may be handed out now."""
        return bool(self._closed_by)

    # -- the body's side -----------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[R]:
        return self._records()

    async def _records(self) -> AsyncIterator[R]:
        handover = self.handover
        while True:
            work = await self.take_work()
            chunk = work.chunk
            for row, record in enumerate(chunk.records(self.kind)):
                if row < work.next_row or chunk.values[row] is None:
                    continue
                if self._closed_by:
                    await self.turn()
                try:
                    record.check(self.limits)
                except RecordError as error:
                    handover.fail(work, row, without_frames(error))
                else:
                    handover.hand_out(Holding(work, (row,), row + 1, NO_MODEL))
                    yield record
            handover.skip_to(work, len(work))

    async def batches(self, max_rows: int = 256) -> AsyncIterator[Chunk]:
        """Hand over columns of up to `max_rows` records; yield one list a batch, aligned.

        A batch that the body raises on is handed over again in halves until the record that
        it raises on stands alone.
        """
        while True:
            work = await self.take_work()
            while work.next_row < len(work):
                if self._closed_by:
                    await self.turn()
                end_row = work.batch_end(min(work.next_row + max_rows, len(work)))
                rows, failures = self._check_rows(work, end_row)
                self.handover.hand_out(
                    Holding(work, rows, end_row, NO_MODEL, aligned=True, failures=failures)
                )
                if rows:
                    yield pick_rows(work, rows)
                self.handover.resolve()

    def _check_rows(self, work: Work, end_row: int) -> tuple[list[int], list[Failure]]:
        chunk, first_row = work.chunk, work.next_row
        rows = [row for row in range(first_row, end_row) if chunk.values[row] is not None]
        if self.kind.check is Record.check:
            return rows, []
        failures = []
        for row, record in zip(rows, chunk.take(rows).records(self.kind), strict=True):
            try:
                record.check(self.limits)
            except RecordError as error:
                failures.append(Failure(row, NO_MODEL, without_frames(error)))
        failed = {failure.row for failure in failures}
        return [row for row in rows if row not in failed], failures


def pick_rows(work: Work, rows: Sequence[int]) -> Chunk:
    """The rows of a work as a chunk, sliced where they are contiguous."""
    if rows[-1] - rows[0] + 1 == len(rows):
        return work.chunk.rows(rows[0], rows[-1] + 1)
    return work.chunk.take(rows)
