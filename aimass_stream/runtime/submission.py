"""A submission: records that were handed to a model together, and what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from aimass_stream.batching import Entry
from aimass_stream.errors import RecordError
from aimass_stream.runtime.batch import Hear
from aimass_stream.runtime.room import Room

A = TypeVar("A")


class Row(Entry):
    """A record that waits for its answer.

    Attributes:
        submission: whose it is.
        index: its row there.
        payload: what the model is given.
        size: bytes it counts for while it is held.
    """

    __slots__ = ("index", "payload", "size", "submission")

    def __init__(
        self,
        cost: float,
        arrival_s: float,
        submission: Submission[Any],
        index: int,
        payload: bytes,
        size: int,
    ) -> None:
        self.cost = cost
        self.arrival_s = arrival_s
        self.seq = -1
        self.submission = submission
        self.index = index
        self.payload = payload
        self.size = size

    def hear(self, seq: int, text: str) -> None:
        """A piece of its answer was written."""
        submission = self.submission
        if submission.hear is not None and not submission.is_over:
            submission.hear(self.index, seq, text)

    @property
    def is_settled(self) -> bool:
        """Whether its outcome is known."""
        return self.submission.outcomes[self.index] is not None

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for its outcome any more, known or not."""
        return self.is_settled or self.submission.is_over


class Submission(Generic[A]):
    """Outcomes of records submitted together, in the order they were given.

    Used on the event loop of the scorer that made it. Any number of tasks may wait, and any of
    them may be cancelled. Outcomes may be set long before somebody waits for them.

    Attributes:
        outcomes: for each record its answer, why it has none, or None while neither is known.
        is_over: nobody wants the rest; outcomes that still arrive are ignored.
        hear: told of answers while they are written; None where nobody wants to know.
    """

    __slots__ = (
        "__weakref__",
        "_error",
        "_fetches",
        "_forget",
        "_held_bytes",
        "_room",
        "_waiters",
        "hear",
        "is_over",
        "outcomes",
    )

    def __init__(
        self,
        rows: int,
        room: Room,
        forget: Callable[[Submission[Any]], None],
        hear: Hear | None = None,
    ) -> None:
        self.outcomes: list[A | RecordError | None] = [None] * rows
        self.is_over = False
        self.hear = hear
        self._room = room
        self._forget = forget
        self._held_bytes = 0
        self._error: BaseException | None = None
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._fetches: set[asyncio.Task[None]] = set()

    @property
    def states(self) -> Sequence[int]:
        """Empty: a model has learnt nothing on the way."""
        return ()

    async def wait(self, row: int) -> int:
        """Wait until the outcome of `row` is known.

        Returns:
            The end of the run of known outcomes that begins at `row`.

        Raises:
            AimassError: the outcome cannot be established; the worker must stop.
            CancelledError: the submission was cancelled, or the waiting task was.
        """
        while self.outcomes[row] is None:
            if self._error is not None:
                raise self._error
            known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((row, known))
            await known
        try:
            return self.outcomes.index(None, row)
        except ValueError:
            return len(self.outcomes)

    def cancel(self) -> None:
        """Nobody wants the rest: what waits is dropped, its bytes are freed, waiters cancelled.

        What is in flight is answered in vain. Calling it again changes nothing.
        """
        self._end(asyncio.CancelledError("the submission was cancelled"))
        for _, known in self._waiters:
            known.cancel()
        self._waiters.clear()

    # -- the scorer's side ---------------------------------------------------------------

    def hold(self, size: int) -> None:
        """Note bytes that were taken from the room for a row.

        Raises:
            AimassError: the submission failed meanwhile, CancelledError: it was cancelled. The
                bytes are given back.
        """
        if self._error is not None:
            self._room.give(size)
            raise self._error
        self._held_bytes += size

    def settle(self, size: int) -> None:
        """Outcomes were set of rows that held `size` bytes: free these and wake who waits."""
        if self.is_over:
            return
        self._held_bytes -= size
        self._room.give(size)
        if self._waiters:
            self._wake()

    def fail(self, error: BaseException) -> None:
        """The rest has no outcome that can be established; `wait` raises `error`."""
        self._end(error)
        for _, known in self._waiters:
            if not known.done():
                known.set_result(None)
        self._waiters.clear()

    def add_fetch(self, fetch: asyncio.Task[None]) -> None:
        """A payload is being fetched for one of the rows; cancelled with the submission."""
        self._fetches.add(fetch)
        fetch.add_done_callback(self._fetches.discard)

    def _end(self, error: BaseException) -> None:
        if self.is_over:
            return
        self.is_over = True
        self._error = error
        for fetch in self._fetches:
            fetch.cancel()
        if None in self.outcomes:
            self._forget(self)
        held, self._held_bytes = self._held_bytes, 0
        self._room.give(held)

    def _wake(self) -> None:
        waiting, self._waiters = self._waiters, []
        for row, known in waiting:
            if known.done():
                continue
            if self.outcomes[row] is None:
                self._waiters.append((row, known))
            else:
                known.set_result(None)
