"""One batch on its way through a device process, and the frame that carries its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aimass_stream.error_text import DETAIL_CHARS, describe, is_out_of_memory, trace_of
from aimass_stream.errors import Reason, RecordError
from aimass_stream.runtime.frames import Payload
from aimass_stream.runtime.messages import Dropped, Failed, Fault, Part, Predicted, Started
from aimass_stream.runtime.predictors import LoadedModel

RECORD_TRACE_CHARS = 2_000

Answer = Started | Part | Predicted | Failed | Dropped
LAST = (Predicted, Failed, Dropped)
"""What ends a job."""


@dataclass(slots=True, eq=False)
class Job:
    """One batch on its way through the device process.

    Attributes:
        call: its number on the connection it came by.
        model: who answers it.
        payloads: its rows; dropped when they are decoded.
        reply: sends what became of it; called on the event loop.
        wants_parts: whether answers are told while they are written.
        departed: nobody waits for it; skipped unless it has begun.
        started: its link was told that it is being predicted.
        lane: the thread it is on: `decode`, `predict` or `collect`.
        inputs: its rows, decoded, or why they could not be; taken when they are predicted.
        begun_s: when that began, by `time.perf_counter`.
        launched: what its answers are collected from.
        rows: those whose inputs were taken.
    """

    call: int
    model: LoadedModel
    payloads: Sequence[Payload]
    reply: Callable[[Answer, Sequence[bytes]], None]
    wants_parts: bool = False
    departed: bool = False
    started: bool = False
    lane: str = "decode"
    received_s: float = field(default_factory=time.perf_counter)
    begun_s: float = 0.0
    decode_ms: float = 0.0
    predict_ms: float = 0.0
    inputs: list[Any] = field(default_factory=list)
    launched: Any = None
    rows: list[int] = field(default_factory=list)

    def take_inputs(self) -> list[Any]:
        """The inputs that could be decoded; why the others could not stays here."""
        inputs = self.inputs
        self.rows = [r for r, value in enumerate(inputs) if not isinstance(value, RecordError)]
        taken = [inputs[row] for row in self.rows]
        for row in self.rows:
            inputs[row] = None
        return taken

    def answered(self, results: Any) -> tuple[Predicted | Failed, Sequence[bytes]]:
        """The frame that carries what the model gave for the inputs that were taken."""
        answers, encoded = self.inputs, encode_answers(results)
        if len(encoded) != len(self.rows):
            detail = f"the model gave {len(encoded)} answers for {len(self.rows)} records"
            return Failed(self.call, Reason.INVALID_OUTPUT, detail, ""), ()
        for row, result in zip(self.rows, encoded, strict=True):
            answers[row] = result
        return self._predicted(answers)

    def failed(self, error: BaseException) -> tuple[Failed, Sequence[bytes]]:
        """The frame that says why there are no answers."""
        reason, trace = Reason.MODEL_ERROR, trace_of(error)
        return Failed(self.call, reason, describe(error), trace, is_out_of_memory(error)), ()

    def _predicted(self, answers: Sequence[bytes | RecordError]) -> tuple[Predicted, list[bytes]]:
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
        total_ms = (time.perf_counter() - self.received_s) * 1000
        queue_ms = max(0.0, total_ms - self.decode_ms - self.predict_ms)
        return Predicted(self.call, queue_ms, self.decode_ms, self.predict_ms, faults), blobs


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
