"""What a session's process has been asked and has not answered yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aimass_stream.runtime.arena import Arena
from aimass_stream.runtime.batch import Hear, Scored
from aimass_stream.runtime.frames import FrameError
from aimass_stream.runtime.messages import Loaded, Slot

T = TypeVar("T")

_LOAD_SILENCE_S = 120.0


@dataclass(slots=True, eq=False)
class OpenBatch:
    """A batch that waits for its answer.

    Attributes:
        rows: how many answers it waits for.
        slot: where in the arena its payloads lie; None where they travelled in the frame.
        timeout_s: of its model.
        future: done when it is answered, or never will be.
        hear: told of answers while they are written.
        started: whether the process has begun with it.
    """

    rows: int
    slot: Slot | None
    timeout_s: float
    future: asyncio.Future[Scored]
    hear: Hear | None = None
    started: bool = False


class SessionCalls:
    """The open calls of one session, by the numbers they were sent with.

    Args:
        arena: whose slots batches hold until they are answered.

    Attributes:
        batches: those that wait for their answers, in the order they were sent.
    """

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._loads: dict[int, asyncio.Future[Loaded]] = {}
        self._last_call = 0
        self.batches: dict[int, OpenBatch] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is waited for."""
        return not self.batches and not self._loads

    def next_number(self) -> int:
        """The number of a new call."""
        self._last_call += 1
        return self._last_call

    def add_load(self, call: int, loaded: asyncio.Future[Loaded]) -> None:
        """A model was asked for."""
        self._loads[call] = loaded

    def take_batch(self, call: int) -> OpenBatch:
        """Close a batch; its slot is free again.

        Raises:
            FrameError: it is not open.
        """
        batch = self.batches.pop(call, None)
        if batch is None:
            raise FrameError(f"an answer to call {call}, which is not open")
        if batch.slot is not None:
            self._arena.free(batch.slot)
        return batch

    def take_load(self, call: int) -> asyncio.Future[Loaded]:
        """Close a load.

        Raises:
            FrameError: it is not open.
        """
        load = self._loads.pop(call, None)
        if load is None:
            raise FrameError(f"an answer to call {call}, which is not open")
        return load

    def take(self, call: int) -> asyncio.Future[Any]:
        """Close a batch or a load.

        Raises:
            FrameError: neither is open.
        """
        return self.take_batch(call).future if call in self.batches else self.take_load(call)

    def silence_limit_s(self) -> float:
        """How long nothing may be heard while these are waited for."""
        limits_s = [batch.timeout_s for batch in self.batches.values()]
        if self._loads:
            limits_s.append(_LOAD_SILENCE_S)
        return max(limits_s, default=float("inf"))

    def fail_all(self, batch_error: Callable[[bool], Exception], load_error: Exception) -> int:
        """Nothing will be answered any more.

        Args:
            batch_error: of a batch, given whether it may be to blame.
            load_error: of a load.

        Returns:
            How many batches there were.
        """
        batches, self.batches = list(self.batches.values()), {}
        waiting_seen = False
        for batch in batches:
            # One batch is predicted and the next is decoded; those behind have only waited.
            suspect = batch.started or not waiting_seen
            waiting_seen = waiting_seen or not batch.started
            fail(batch.future, batch_error(suspect))
        for load in self._loads.values():
            fail(load, load_error)
        return len(batches)


def finish(future: asyncio.Future[T], result: T) -> None:
    """Set a result that somebody may still wait for."""
    if not future.done():
        future.set_result(result)


def fail(future: asyncio.Future[Any], error: Exception) -> None:
    """Set an error that somebody may still wait for."""
    if not future.done():
        future.set_exception(error)
        # Seen here, so that a caller who left is not reported as an error nobody handled.
        future.exception()
