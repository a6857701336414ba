"""Decode and predict: two threads, so that one batch is decoded while the one before is predicted.

Batches are taken in the order they came. One is predicted, one decoded, the rest wait; nothing
is decoded further ahead, which bounds memory. The decode thread has helpers for large batches.
Where both threads have one core between them they take turns, a batch at a time: each would only
drive the other out of the core's caches.

A model that writes takes batches in while it writes (`writing.py`): the predict thread goes one
step on with them between any two batches of other models. They are decoded as they come, since
they are small and may join at the next step.

Where a device works by itself, the predict thread launches batches, and a third thread collects
their answers: one batch is computed and one launched behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, cast

from aimass_stream.error_text import describe, is_device_lost, trace_of
from aimass_stream.errors import Reason, RecordError, without_frames
from aimass_stream.model import BatchDecodingPredictor, LaunchingPredictor, Predictor
from aimass_stream.runtime.frames import Payload
from aimass_stream.runtime.job import LAST, RECORD_TRACE_CHARS, Answer, Job
from aimass_stream.runtime.messages import Dropped, Started
from aimass_stream.runtime.watchdog import Watchdog
from aimass_stream.runtime.writing import Writing

LAUNCHED = 2
"""Batches of a device that works by itself: one computed, one behind it."""

_HELP_FROM_MS = 0.5
_ANNOUNCE_S = 0.05


class Pipeline:
    """The threads. `submit` and `drain` are called on the event loop that made it.

    Args:
        watchdog: told of every call into an adapter.
        decode_threads: how many rows of a batch are decoded at a time.
        on_loss: told, on any thread, that the device answers nothing any more; the process is
            not expected to outlive that.
        alternate: whether a batch is decoded only while none is predicted.
    """

    def __init__(
        self,
        watchdog: Watchdog[Sequence[Job]],
        decode_threads: int,
        on_loss: Callable[[Job, BaseException], None],
        *,
        alternate: bool = False,
    ) -> None:
        self._watchdog = watchdog
        self._on_loss = on_loss
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._decoded: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._launched: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._room = threading.Semaphore()
        self._launches = threading.Semaphore(LAUNCHED)
        self._core = threading.Lock() if alternate else contextlib.nullcontext()
        self._posted: deque[tuple[Job, Answer, Sequence[bytes]]] = deque()
        self._flushing = False
        self._open_jobs = 0
        self._predicting: dict[Job, None] = {}
        self._writing = Writing(self._post, self._finish, self._fail, watchdog)
        self._announcing: asyncio.TimerHandle | None = None
        self._row_ms: dict[str, float] = {}
        self._decode_threads = decode_threads
        self._helpers = ThreadPoolExecutor(max(1, decode_threads - 1), "decode")
        self._threads = [
            threading.Thread(target=self._run_decode, name="decode", daemon=True),
            threading.Thread(target=self._run_predict, name="predict", daemon=True),
            threading.Thread(target=self._run_collect, name="collect", daemon=True),
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Take a batch; `job.reply` is called when it has started and when it is done."""
        self._waiting.put(job)
        self._open_jobs += 1
        if self._announcing is None:
            self._announcing = self._loop.call_later(_ANNOUNCE_S, self._announce)

    async def drain(self) -> None:
        """Answer what was submitted, then end the threads."""
        self._waiting.put(None)
        for thread in self._threads:
            await self._loop.run_in_executor(None, thread.join)

    # -- the decode thread ---------------------------------------------------------------

    def _run_decode(self) -> None:
        while True:
            self._room.acquire()
            job = self._waiting.get()
            if job is not None and not job.departed:
                with self._core:
                    self._watchdog.begin("decode", job.model.timeout_s, (job,))
                    self._decode(job)
                    self._watchdog.end("decode")
            self._decoded.put(job)
            if job is None:
                return
            if job.model.writes:
                self._room.release()

    def _decode(self, job: Job) -> None:
        started = time.perf_counter()
        predictor, payloads, threads = job.model.predictor, job.payloads, self._decode_threads
        # Help costs some 20 us, which is more than a batch of small texts takes.
        together = getattr(predictor, "decodes_in_threads", False)
        expected_ms = self._row_ms.get(job.model.spec.id, 0.0) * len(payloads)
        if together or threads == 1 or len(payloads) == 1 or expected_ms < _HELP_FROM_MS:
            job.inputs = decode_rows(predictor, payloads)
        else:
            step = -(-len(payloads) // threads)
            parts = [payloads[first : first + step] for first in range(0, len(payloads), step)]
            helped = [self._helpers.submit(decode_rows, predictor, part) for part in parts[1:]]
            own = decode_rows(predictor, parts[0])
            job.inputs = list(chain(own, *(future.result() for future in helped)))
        job.decode_ms = (time.perf_counter() - started) * 1000
        if payloads:
            self._row_ms[job.model.spec.id] = job.decode_ms / len(payloads)
        job.payloads = ()

    # -- the predict thread --------------------------------------------------------------

    def _run_predict(self) -> None:
        while self._serve_next():
            self._writing.step()
        while self._writing.is_open:
            self._writing.step()
        self._launched.put(None)

    def _serve_next(self) -> bool:
        """Let in what joins the writing, up to a batch that is predicted; False at the end.

        Waits for something to do unless something is being written.
        """
        while True:
            try:
                job = self._decoded.get(block=not self._writing.is_open)
            except queue.Empty:
                return True
            if job is None:
                return False
            if not job.model.writes:
                self._room.release()
            if self._serve(job):
                return True

    def _serve(self, job: Job) -> bool:
        """Do with a batch what its model does; whether that took the device's time."""
        if job.departed:
            self._post(job, Dropped(job.call))
            return False
        inputs = job.take_inputs()
        if not inputs:
            self._post(job, *job.answered([]))
        elif job.model.writes:
            job.lane, job.begun_s = "predict", time.perf_counter()
            self._predicting[job] = None
            self._writing.join(job, inputs)
        elif job.model.launches:
            self._launch(job, inputs)
            return True
        else:
            with self._core:
                self._predict(job, inputs)
            return True
        return False

    def _predict(self, job: Job, inputs: Sequence[Any]) -> None:
        self._begin(job)
        try:
            with job.model.guard():
                results = job.model.predictor.predict(inputs)
        except BaseException as error:  # whatever it is, it costs this batch and no thread
            self._watchdog.end("predict")
            self._fail(job, error)
            return
        self._watchdog.end("predict")
        job.predict_ms = (time.perf_counter() - job.begun_s) * 1000
        self._finish(job, *job.answered(results))

    def _launch(self, job: Job, inputs: Sequence[Any]) -> None:
        self._launches.acquire()
        self._begin(job)
        try:
            with job.model.guard():
                predictor = cast(LaunchingPredictor, job.model.predictor)
                job.launched = predictor.launch(inputs)
        except BaseException as error:
            self._watchdog.end("predict")
            self._launches.release()
            self._fail(job, error)
            return
        self._watchdog.end("predict")
        self._launched.put(job)

    def _begin(self, job: Job) -> None:
        job.lane, job.begun_s = "predict", time.perf_counter()
        self._predicting[job] = None
        self._watchdog.begin("predict", job.model.timeout_s, (job,))

    # -- the collect thread --------------------------------------------------------------

    def _run_collect(self) -> None:
        free_s = 0.0
        while (job := self._launched.get()) is not None:
            job.lane = "collect"
            self._watchdog.begin("collect", job.model.timeout_s, (job,))
            try:
                with job.model.guard():
                    predictor = cast(LaunchingPredictor, job.model.predictor)
                    results = predictor.collect(job.launched)
            except BaseException as error:
                self._watchdog.end("collect")
                self._launches.release()
                self._fail(job, error)
                continue
            self._watchdog.end("collect")
            self._launches.release()
            # The device was at it since the batch before was done.
            begun_s, free_s = max(job.begun_s, free_s), time.perf_counter()
            job.predict_ms = (free_s - begun_s) * 1000
            job.launched = None
            self._finish(job, *job.answered(results))

    def _fail(self, job: Job, error: BaseException) -> None:
        if is_device_lost(error):
            self._on_loss(job, error)
        job.launched = None
        self._finish(job, *job.failed(error))

    def _finish(self, job: Job, answer: Answer, blobs: Sequence[bytes]) -> None:
        # Taken away before the answer is posted, so that it is not announced behind it.
        self._predicting.pop(job, None)
        self._post(job, answer, blobs)

    # -- back to the event loop ----------------------------------------------------------

    def _post(self, job: Job, answer: Answer, blobs: Sequence[bytes] = ()) -> None:
        self._posted.append((job, answer, blobs))
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        while self._posted:
            job, answer, blobs = self._posted.popleft()
            self._open_jobs -= isinstance(answer, LAST)
            job.reply(answer, blobs)

    def _announce(self) -> None:
        # Not at once: to say that a short batch has started would cost as much as its answer.
        for job in list(self._predicting):
            if not job.started:
                job.started = True
                job.reply(Started(job.call), ())
        pending = self._open_jobs > 0
        self._announcing = self._loop.call_later(_ANNOUNCE_S, self._announce) if pending else None


def decode_rows(predictor: Predictor, payloads: Sequence[Payload]) -> list[Any]:
    """Decode each payload; in the place of one that cannot be stands its `RecordError`."""
    if len(payloads) > 1 and hasattr(predictor, "decode_all"):
        # What fails together is looked for one by one, below.
        with contextlib.suppress(Exception):
            return list(cast(BatchDecodingPredictor, predictor).decode_all(payloads))
    inputs: list[Any] = []
    for payload in payloads:
        try:
            inputs.append(predictor.decode(payload))
        except RecordError as error:
            inputs.append(without_frames(error))
        except BaseException as error:  # decoders raise anything on hostile bytes
            trace = trace_of(error, RECORD_TRACE_CHARS)
            inputs.append(RecordError(Reason.UNDECODABLE, describe(error, payload), trace))
    return inputs
