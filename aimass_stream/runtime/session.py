"""One connection of a link to a device process: its calls in flight, its arena, its timer."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import msgspec

from aimass_stream.errors import DeviceError, Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.runtime.arena import DEFAULT_ARENA_BYTES, Arena, send_arena
from aimass_stream.runtime.batch import BatchFailed, Hear, Scored
from aimass_stream.runtime.frames import Frame, FrameError, FramePeer, Payload
from aimass_stream.runtime.messages import (
    PROTOCOL,
    Cancel,
    Dropped,
    Ending,
    Failed,
    Hello,
    Load,
    Loaded,
    Part,
    Predict,
    Predicted,
    Refused,
    Slot,
    Started,
    ToLink,
)

T = TypeVar("T")

log = logging.getLogger("aimass.link")

_TICK_S = 0.5
_HELLO_TIMEOUT_S = 30.0
_LOAD_SILENCE_S = 120.0

_decoder = msgspec.msgpack.Decoder[ToLink](ToLink)


class SessionLostError(Exception):
    """The connection ended before the process had answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """What a link needs to know.

    Attributes:
        arena_bytes: size of the memory shared with the device process.
        inline_bytes: a batch of no more bytes travels in its frame, a larger one in the arena.
        grace_s: seconds of silence beyond a model's timeout until the process is killed.
    """

    arena_bytes: int = DEFAULT_ARENA_BYTES
    inline_bytes: int = 32 * 1024
    grace_s: float = 3.0


@dataclass(slots=True, eq=False)
class _Batch:
    rows: int
    slot: Slot | None
    timeout_s: float
    future: asyncio.Future[Scored]
    hear: Hear | None = None
    started: bool = False


class Session:
    """A connection that has said hello. Lives on one event loop.

    When it ends, every batch in flight raises `BatchFailed`, every load in flight
    `SessionLostError`, and `on_close` is called, all before anything else runs.

    Attributes:
        closed: set when the connection is over.
        loads: a future for each model that was asked for.
        lost_batches: how many batches were in flight when it ended.
    """

    def __init__(
        self, options: LinkOptions, arena: Arena, on_close: Callable[[Session], None]
    ) -> None:
        self._options = options
        self._arena = arena
        self._report_close = on_close
        self._loop = asyncio.get_running_loop()
        self._peer = FramePeer[ToLink](_decoder, self._on_frame, self._on_close)
        self._hello: asyncio.Future[Hello] = self._loop.create_future()
        self._batches: dict[int, _Batch] = {}
        self._load_calls: dict[int, asyncio.Future[None]] = {}
        self._last_call = 0
        self._heard_at = 0.0
        self._tick: asyncio.TimerHandle | None = None
        self._killed = False
        self._left = False
        self._ending = ""
        self.loads: dict[str, asyncio.Future[None]] = {}
        self.closed = asyncio.Event()
        self.lost_batches = 0

    @classmethod
    async def open(
        cls, path: str, options: LinkOptions, on_close: Callable[[Session], None]
    ) -> Self:
        """Connect, hand over an arena, and wait for the process to say hello.

        Raises:
            OSError: nobody listens, or there is no memory for an arena.
            FrameError: what listens does not speak this protocol.
            TimeoutError: it does not speak at all.
        """
        session = cls(options, Arena.create(options.arena_bytes), on_close)
        try:
            async with asyncio.timeout(_HELLO_TIMEOUT_S):
                await session._connect(path)
                await session._hello
        except BaseException:
            session.close()
            raise
        session._watch(session._loop.time())
        return session

    async def _connect(self, path: str) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(0)
        try:
            await self._loop.sock_connect(sock, path)
            send_arena(sock, self._arena)
            await self._loop.create_unix_connection(lambda: self._peer, sock=sock)
        except BaseException:
            sock.close()
            self._arena.close()
            raise

    @property
    def hello(self) -> Hello:
        """What the process said of itself."""
        return self._hello.result()

    @property
    def in_flight(self) -> int:
        """Batches that wait for their answer."""
        return len(self._batches)

    def close(self) -> None:
        """Hang up; what is in flight raises `DeviceError`."""
        self._left = True
        self._peer.abort()

    # -- calls ---------------------------------------------------------------------------

    def load(self, spec: ModelSpec) -> asyncio.Future[None]:
        """Ask for a model, once; the future raises `SetupError` or `SessionLostError`."""
        future = self.loads.get(spec.id)
        if future is None or (future.done() and future.exception() is not None):
            call = self._next_call()
            future = self._loop.create_future()
            self.loads[spec.id] = self._load_calls[call] = future
            self._peer.send(Load(call, spec))
        return future

    async def predict(
        self, spec: ModelSpec, payloads: Sequence[Payload], hear: Hear | None = None
    ) -> Scored:
        """Have a loaded model answer a batch; `hear` is told of answers while they are written.

        A caller that is cancelled leaves its slot to the batch until the process is done
        with it; the link goes on.

        Raises:
            BatchFailed: there are no answers.
        """
        call = self._next_call()
        batch = self._send_batch(call, spec, payloads, hear)
        try:
            return await batch.future
        except asyncio.CancelledError:
            if call in self._batches:
                self._peer.send(Cancel(call))
            raise

    def _send_batch(
        self, call: int, spec: ModelSpec, payloads: Sequence[Payload], hear: Hear | None
    ) -> _Batch:
        slot = None
        if sum(map(len, payloads)) > self._options.inline_bytes:
            slot = self._arena.place(payloads)
        try:
            message = Predict(call, spec.id, slot, parts=hear is not None)
            self._peer.send(message, () if slot else payloads)
        except FrameError as error:
            if slot is not None:
                self._arena.free(slot)
            raise BatchFailed(Reason.MODEL_ERROR, f"the batch is too large: {error}") from error
        batch = _Batch(len(payloads), slot, spec.timeout_s, self._loop.create_future(), hear)
        self._batches[call] = batch
        return batch

    def _next_call(self) -> int:
        if not self._batches and not self._load_calls:
            self._heard_at = self._loop.time()
        self._last_call += 1
        return self._last_call

    # -- frames in -----------------------------------------------------------------------

    def _on_frame(self, frame: Frame[ToLink]) -> None:
        self._heard_at = self._loop.time()
        match frame.header:
            case Started(call):
                if call in self._batches:
                    self._batches[call].started = True
            case Part() as part:
                self._on_part(part)
            case Predicted() as message:
                self._on_predicted(self._take_batch(message.call), message, frame.blobs())
            case Failed(call, reason, detail, trace, out_of_memory):
                failure = BatchFailed(reason, detail, trace, out_of_memory=out_of_memory)
                _fail(self._take_batch(call).future, failure)
            case Dropped(call):
                self._take_batch(call).future.cancel()
            case other:
                self._on_other(other)

    def _on_other(self, message: ToLink) -> None:
        match message:
            case Loaded(call):
                _finish(self._take_load(call), None)
            case Refused(call, text):
                is_batch = call in self._batches
                future = self._take_batch(call).future if is_batch else self._take_load(call)
                _fail(future, SetupError(text))
            case Ending(detail):
                self._ending = detail
            case Hello(protocol) as hello:
                if protocol != PROTOCOL:
                    raise FrameError(f"the device process speaks protocol {protocol}")
                _finish(self._hello, hello)

    def _on_part(self, part: Part) -> None:
        batch = self._batches.get(part.call)
        # Who left hears nothing more; its batch is open until the process is done with it.
        if batch is not None and batch.hear is not None and not batch.future.done():
            batch.hear(part.row, part.seq, part.text)

    def _on_predicted(self, batch: _Batch, message: Predicted, blobs: list[bytes]) -> None:
        answers: list[bytes | RecordError] = [*blobs]
        rows = [fault.row for fault in message.faults]
        if len(answers) != batch.rows or not all(0 <= row < batch.rows for row in rows):
            raise FrameError(f"answers that do not fit the batch of call {message.call}")
        for fault in message.faults:
            answers[fault.row] = RecordError(fault.reason, fault.detail, fault.trace)
        scored = Scored(answers, message.queue_ms, message.decode_ms, message.predict_ms)
        _finish(batch.future, scored)

    def _take_batch(self, call: int) -> _Batch:
        batch = self._batches.pop(call, None)
        if batch is None:
            raise FrameError(f"an answer to call {call}, which is not open")
        if batch.slot is not None:
            self._arena.free(batch.slot)
        return batch

    def _take_load(self, call: int) -> asyncio.Future[None]:
        load = self._load_calls.pop(call, None)
        if load is None:
            raise FrameError(f"an answer to call {call}, which is not open")
        return load

    # -- the end -------------------------------------------------------------------------

    def _on_close(self, error: Exception | None) -> None:
        if self._tick is not None:
            self._tick.cancel()
        _fail(self._hello, error or FrameError("the device process hung up"))
        batches, self._batches = list(self._batches.values()), {}
        waiting_seen = False
        for batch in batches:
            # One batch is predicted and the next is decoded; those behind have only waited.
            suspect = not self._ending and (batch.started or not waiting_seen)
            waiting_seen = waiting_seen or not batch.started
            _fail(batch.future, self._failure(error, suspect=suspect))
        self.lost_batches = len(batches)
        for load in self._load_calls.values():
            _fail(load, SessionLostError("the device process died while loading"))
        self._arena.close()
        self.closed.set()
        self._report_close(self)

    def _failure(self, error: Exception | None, *, suspect: bool) -> Exception:
        if self._left:
            return DeviceError("the link to the device process is closed")
        if self._killed and suspect:
            detail = "the device process gave no sign of life and was killed"
            return BatchFailed(Reason.MODEL_TIMEOUT, detail)
        broken = str(error) if isinstance(error, FrameError) else ""
        detail = self._ending or broken or "the device process died"
        return BatchFailed(Reason.MODEL_CRASH, detail, suspect=suspect)

    def _watch(self, due_at: float) -> None:
        now = self._loop.time()
        # When this loop itself was held up, signs of life may lie unread.
        on_time = now - due_at < _TICK_S
        if on_time and now - self._heard_at > self._silence_limit_s():
            self._kill()
            return
        self._tick = self._loop.call_at(now + _TICK_S, self._watch, now + _TICK_S)

    def _silence_limit_s(self) -> float:
        limits_s = [batch.timeout_s for batch in self._batches.values()]
        if self._load_calls:
            limits_s.append(_LOAD_SILENCE_S)
        return max(limits_s, default=float("inf")) + self._options.grace_s

    def _kill(self) -> None:
        pid = self.hello.pid
        log.error("device process %d gives no sign of life; killing it", pid)
        self._killed = True
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError as error:
            log.warning("device process %d cannot be killed: %s", pid, error)
        self._peer.abort()


def _finish(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        # Seen here, so that a caller who left is not reported as an error nobody handled.
        future.exception()
