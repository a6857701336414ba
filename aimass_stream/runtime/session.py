"""One connection of a link to a device process: what is sent, what comes back, how it ends.

What waits for an answer is kept in `session_calls.py`, and `session_silence.py` notices when none
comes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

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
    Started,
    ToLink,
)
from aimass_stream.runtime.session_calls import OpenBatch, SessionCalls, fail, finish
from aimass_stream.runtime.session_silence import SessionSilence

log = logging.getLogger("aimass.link")

_HELLO_TIMEOUT_S = 30.0

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
        self._calls = SessionCalls(arena)
        self._silence = SessionSilence(
            lambda: self._calls.silence_limit_s() + options.grace_s, self._kill
        )
        self._killed = False
        self._left = False
        self._ending = ""
        self.loads: dict[str, asyncio.Future[Loaded]] = {}
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
        except TimeoutError as error:
            session.close()
            raise TimeoutError(f"no hello from it in {_HELLO_TIMEOUT_S:g} s") from error
        except BaseException:
            session.close()
            raise
        session._silence.watch()
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
        return len(self._calls.batches)

    def close(self) -> None:
        """Hang up; what is in flight raises `DeviceError`."""
        self._left = True
        self._peer.abort()

    # -- calls ---------------------------------------------------------------------------

    def load(self, spec: ModelSpec) -> asyncio.Future[Loaded]:
        """Ask for a model, once; the future raises `SetupError` or `SessionLostError`."""
        future = self.loads.get(spec.id)
        if future is None or (future.done() and future.exception() is not None):
            call = self._next_call()
            future = self.loads[spec.id] = self._loop.create_future()
            self._calls.add_load(call, future)
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
            if call in self._calls.batches:
                self._peer.send(Cancel(call))
            raise

    def _send_batch(
        self, call: int, spec: ModelSpec, payloads: Sequence[Payload], hear: Hear | None
    ) -> OpenBatch:
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
        batch = OpenBatch(len(payloads), slot, spec.timeout_s, self._loop.create_future(), hear)
        self._calls.batches[call] = batch
        return batch

    def _next_call(self) -> int:
        if self._calls.is_empty:
            # Until now the process had nothing to say.
            self._silence.hear()
        return self._calls.next_number()

    # -- frames in -----------------------------------------------------------------------

    def _on_frame(self, frame: Frame[ToLink]) -> None:
        self._silence.hear()
        match frame.header:
            case Started(call):
                if call in self._calls.batches:
                    self._calls.batches[call].started = True
            case Part() as part:
                self._on_part(part)
            case Predicted() as message:
                self._on_predicted(self._calls.take_batch(message.call), message, frame.blobs())
            case Failed(call, reason, detail, trace, out_of_memory):
                failure = BatchFailed(reason, detail, trace, out_of_memory=out_of_memory)
                fail(self._calls.take_batch(call).future, failure)
            case Dropped(call):
                self._calls.take_batch(call).future.cancel()
            case other:
                self._on_other(other)

    def _on_other(self, message: ToLink) -> None:
        match message:
            case Loaded(call) as loaded:
                finish(self._calls.take_load(call), loaded)
            case Refused(call, text):
                fail(self._calls.take(call), SetupError(text))
            case Ending(detail):
                self._ending = detail
            case Hello(protocol) as hello:
                if protocol != PROTOCOL:
                    raise FrameError(f"the device process speaks protocol {protocol}")
                finish(self._hello, hello)

    def _on_part(self, part: Part) -> None:
        batch = self._calls.batches.get(part.call)
        # Who left hears nothing more; its batch is open until the process is done with it.
        if batch is not None and batch.hear is not None and not batch.future.done():
            batch.hear(part.row, part.seq, part.text)

    def _on_predicted(self, batch: OpenBatch, message: Predicted, blobs: list[bytes]) -> None:
        answers: list[bytes | RecordError] = [*blobs]
        rows = [fault.row for fault in message.faults]
        if len(answers) != batch.rows or not all(0 <= row < batch.rows for row in rows):
            raise FrameError(f"answers that do not fit the batch of call {message.call}")
        for fault in message.faults:
            answers[fault.row] = RecordError(fault.reason, fault.detail, fault.trace)
        scored = Scored(answers, message.queue_ms, message.decode_ms, message.predict_ms)
        finish(batch.future, scored)

    # -- the end -------------------------------------------------------------------------

    def _on_close(self, error: Exception | None) -> None:
        self._silence.end()
        fail(self._hello, error or FrameError("the device process hung up"))
        self.lost_batches = self._calls.fail_all(
            lambda suspect: self._failure(error, suspect=suspect and not self._ending),
            SessionLostError("the device process died while loading"),
        )
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

    def _kill(self) -> None:
        pid = self.hello.pid
        log.error("device process %d gives no sign of life; killing it", pid)
        self._killed = True
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError as error:
            log.warning("device process %d cannot be killed: %s", pid, error)
        self._peer.abort()
