"""Decode and predict: two threads, so that one batch is decoded while the one before is predicted.

Batches are taken in the order they came. One is predicted, one decoded, the rest wait; nothing
is decoded further ahead, which bounds memory. The decode thread has helpers for large batches.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from aimass_stream.error_text import DETAIL_CHARS, describe, is_out_of_memory, trace_of
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import Predictor
from aimass_stream.runtime.frames import Payload
from aimass_stream.runtime.messages import Dropped, Failed, Fault, Predicted, Started
from aimass_stream.runtime.predictors import LoadedModel
from aimass_stream.runtime.watchdog import Watchdog

RECORD_TRACE_CHARS = 2_000

_HELP_FROM_MS = 0.5
_ANNOUNCE_S = 0.05

Answer = Started | Predicted | Failed | Dropped


@dataclass(slots=True, eq=False)
class Job:
    """One batch on its way through the device process.

    Attributes:
        call: its number on the connection it came by.
        model: who answers it.
        payloads: its rows; dropped when they are decoded.
        reply: sends what became of it; called on the event loop.
        departed: nobody waits for it; skipped unless it has begun.
        started: its link was told that it is being predicted.
        lane: the thread it is on, `decode` or `predict`.
    """

    call: int
    model: LoadedModel
    payloads: Sequence[Payload]
    reply: Callable[[Answer, Sequence[bytes]], None]
    departed: bool = False
    started: bool = False
    lane: str = "decode"
    received_at: float = field(default_factory=time.perf_counter)
    decode_ms: float = 0.0
    predict_ms: float = 0.0
    inputs: list[Any] = field(default_factory=list)

    def predicted(self, answers: Sequence[bytes | RecordError]) -> tuple[Predicted, list[bytes]]:
        """The frame that carries these answers."""
        faults = [
            Fault(
                row,
                answer.reason,
                answer.detail[:DETAIL_CHARS],
                answer.trace[-RECORD_TRACE_CHARS:],
            )
            for row, answer in enumerate(answers)
            if isinstance(answer, RecordError)
        ]
        blobs = [b"" if isinstance(answer, RecordError) else answer for answer in answers]
        total_ms = (time.perf_counter() - self.received_at) * 1000
        queue_ms = max(0.0, total_ms - self.decode_ms - self.predict_ms)
        return Predicted(self.call, queue_ms, self.decode_ms, self.predict_ms, faults), blobs


class Pipeline:
    """The two threads. `submit` and `drain` are called on the event loop that made it.

    Args:
        watchdog: told of every call into an adapter.
        decode_threads: how many rows of a batch are decoded at a time.
    """

    def __init__(self, watchdog: Watchdog[Job], decode_threads: int) -> None:
        self._watchdog = watchdog
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._decoded: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._room = threading.Semaphore()
        self._posted: deque[tuple[Job, Answer, Sequence[bytes]]] = deque()
        self._flushing = False
        self._open_jobs = 0
        self._predicting: Job | None = None
        self._announcing: asyncio.TimerHandle | None = None
        self._row_ms: dict[str, float] = {}
        self._decode_threads = decode_threads
        self._helpers = ThreadPoolExecutor(max(1, decode_threads - 1), "decode")
        self._threads = [
            threading.Thread(target=self._run_decode, name="decode", daemon=True),
            threading.Thread(target=self._run_predict, name="predict", daemon=True),
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
                self._watchdog.begin("decode", job.model.timeout_s, job)
                self._decode(job)
                self._watchdog.end("decode")
            self._decoded.put(job)
            if job is None:
                return

    def _decode(self, job: Job) -> None:
        started = time.perf_counter()
        predictor, payloads, threads = job.model.predictor, job.payloads, self._decode_threads
        # Help costs some 20 us, which is more than a batch of small texts takes.
        expected_ms = self._row_ms.get(job.model.spec.id, 0.0) * len(payloads)
        if threads == 1 or len(payloads) == 1 or expected_ms < _HELP_FROM_MS:
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
        while (job := self._decoded.get()) is not None:
            self._room.release()
            if job.departed:
                self._post(job, Dropped(job.call))
                continue
            job.lane = "predict"
            self._predicting = job
            self._watchdog.begin("predict", job.model.timeout_s, job)
            answer, blobs = self._answer(job)
            self._watchdog.end("predict")
            self._predicting = None
            self._post(job, answer, blobs)

    def _answer(self, job: Job) -> tuple[Predicted | Failed, Sequence[bytes]]:
        answers, job.inputs = job.inputs, []
        rows = [row for row, value in enumerate(answers) if not isinstance(value, RecordError)]
        if rows:
            started = time.perf_counter()
            try:
                with job.model.guard():
                    results = job.model.predictor.predict([answers[row] for row in rows])
            except BaseException as error:  # whatever it is, it costs this batch and no thread
                return _failed(job.call, error), ()
            job.predict_ms = (time.perf_counter() - started) * 1000
            encoded = encode_answers(results)
            if len(encoded) != len(rows):
                detail = f"the model gave {len(encoded)} answers for {len(rows)} records"
                return Failed(job.call, Reason.INVALID_OUTPUT, detail, ""), ()
            for row, result in zip(rows, encoded, strict=True):
                answers[row] = result
        return job.predicted(answers)

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
            self._open_jobs -= 1
            job.reply(answer, blobs)

    def _announce(self) -> None:
        # Not at once: to say that a short batch has started would cost as much as its answer.
        # The predict thread takes the job away before it posts the answer, so this comes first.
        job = self._predicting
        if job is not None and not job.started:
            job.started = True
            job.reply(Started(job.call), ())
        pending = self._open_jobs > 0
        self._announcing = self._loop.call_later(_ANNOUNCE_S, self._announce) if pending else None


def _failed(call: int, error: BaseException) -> Failed:
    return Failed(
        call, Reason.MODEL_ERROR, describe(error), trace_of(error), is_out_of_memory(error)
    )


def decode_rows(predictor: Predictor, payloads: Sequence[Payload]) -> list[Any]:
    """Decode each payload; in the place of one that cannot be stands its `RecordError`."""
    inputs: list[Any] = []
    for payload in payloads:
        try:
            inputs.append(predictor.decode(payload))
        except RecordError as error:
            inputs.append(error)
        except BaseException as error:  # decoders raise anything on hostile bytes
            trace = trace_of(error, RECORD_TRACE_CHARS)
            inputs.append(RecordError(Reason.UNDECODABLE, describe(error, payload), trace))
    return inputs


def _to_plain(value: Any) -> Any:
    # Arrays and scalars of numpy and torch know how to become plain numbers.
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"an answer holds a {type(value).__name__}, which cannot be sent")


_encode = msgspec.msgpack.Encoder(enc_hook=_to_plain).encode


def encode_answers(answers: Any) -> list[bytes | RecordError]:
    """Answers in msgpack; nothing at all when they are not even a sequence.

    The model's own refusals stay as they are, and what cannot be encoded becomes one.
    """
    return [_encode_answer(answer) for answer in answers] if hasattr(answers, "__len__") else []


def _encode_answer(answer: Any) -> bytes | RecordError:
    if isinstance(answer, RecordError):
        return answer
    try:
        return _encode(answer)
    except Exception as error:
        return RecordError(Reason.INVALID_OUTPUT, describe(error))
