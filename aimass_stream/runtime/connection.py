"""One link's connection, seen from the device process."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence

import msgspec

from aimass_stream.errors import Reason, SetupError
from aimass_stream.runtime.arena import ArenaView, receive_arena
from aimass_stream.runtime.frames import Frame, FrameError, FramePeer, Payload
from aimass_stream.runtime.job import LAST, Answer, Job
from aimass_stream.runtime.messages import (
    PROTOCOL,
    Alive,
    Cancel,
    Failed,
    Hello,
    Load,
    Loaded,
    Predict,
    Refused,
    ToDevice,
)
from aimass_stream.runtime.pipeline import Pipeline
from aimass_stream.runtime.predictors import Predictors

MAX_OPEN_JOBS = 64
MESSAGE_CHARS = 8_000

_decoder = msgspec.msgpack.Decoder[ToDevice](ToDevice)


class Connection:
    """Turns the frames of one link into loads and jobs, and their ends into frames.

    Lives on the event loop. A link that leaves takes its batches with it: those that have not
    begun are skipped.

    Args:
        predictors: the process's models.
        pipeline: where batches go.
        on_close: called once with the reason, if it was not an orderly end.
    """

    def __init__(
        self,
        predictors: Predictors,
        pipeline: Pipeline,
        on_close: Callable[[Connection, Exception | None], None],
    ) -> None:
        self._predictors = predictors
        self._pipeline = pipeline
        self._report_close = on_close
        self._arena: ArenaView | None = None
        self._jobs: dict[int, Job] = {}
        self._loads: set[asyncio.Task[None]] = set()
        self.peer = FramePeer[ToDevice](_decoder, self._on_frame, self._on_close)

    async def open(self, sock: socket.socket, device: str) -> None:
        """Take the arena and say hello. Owns the socket from here on.

        Raises:
            FrameError: the peer does not speak this protocol.
            OSError: the peer is gone.
        """
        try:
            self._arena = await receive_arena(sock)
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: self.peer, sock)
        except BaseException:
            sock.close()
            raise
        self.peer.send(Hello(PROTOCOL, os.getpid(), device))

    def beat(self) -> None:
        """Tell a link that waits for something that the process lives."""
        if self._jobs or self._loads:
            self.peer.send(Alive())

    # -- frames in -----------------------------------------------------------------------

    def _on_frame(self, frame: Frame[ToDevice]) -> None:
        match frame.header:
            case Predict() as message:
                self._predict(message, frame)
            case Load() as message:
                task = asyncio.create_task(self._load(message))
                self._loads.add(task)
                task.add_done_callback(self._loads.discard)
            case Cancel(call):
                if call in self._jobs:
                    self._jobs[call].departed = True

    def _predict(self, message: Predict, frame: Frame[ToDevice]) -> None:
        model = self._predictors.find(message.model)
        if model is None:
            self.peer.send(Refused(message.call, f"model {message.model} is not loaded"))
            return
        if message.call in self._jobs:
            raise FrameError(f"call {message.call} is open already")
        payloads = self._payloads(message, frame)
        job = Job(message.call, model, payloads, self._reply, message.parts)
        self._jobs[message.call] = job
        if len(self._jobs) >= MAX_OPEN_JOBS:
            self.peer.pause_reading()
        self._pipeline.submit(job)

    def _payloads(self, message: Predict, frame: Frame[ToDevice]) -> Sequence[Payload]:
        if message.slot is None:
            return frame.views()
        if self._arena is None:
            raise FrameError("a slot on a connection without an arena")
        return self._arena.views(message.slot)

    async def _load(self, message: Load) -> None:
        try:
            model = await self._predictors.load(message.spec)
        except SetupError as error:
            self.peer.send(Refused(message.call, str(error)[:MESSAGE_CHARS]))
        else:
            self.peer.send(Loaded(message.call, model.load_ms, model.costs_alike))

    # -- frames out ----------------------------------------------------------------------

    def _reply(self, answer: Answer, blobs: Sequence[bytes]) -> None:
        try:
            self.peer.send(answer, blobs)
        except FrameError as error:
            detail = f"the answers are too large: {error}"
            self.peer.send(Failed(answer.call, Reason.INVALID_OUTPUT, detail, ""))
        if isinstance(answer, LAST):
            self._jobs.pop(answer.call, None)
            self.peer.resume_reading()

    def _on_close(self, error: Exception | None) -> None:
        for job in self._jobs.values():
            job.departed = True
        for task in self._loads:
            task.cancel()
        self._report_close(self, error)
