"""What becomes of one batch: an answer for each record, or a failure of the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aimass_stream.errors import Reason, RecordError

Hear = Callable[[int, int, str], None]
"""Told of each piece of an answer that is being written: its row, its number, its text."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A batch that a model answered.

    Attributes:
        answers: one for each payload, in order: the answer in msgpack, or why there is none.
        queue_ms: milliseconds the batch lay in the device process while others were worked on.
        decode_ms: milliseconds its payloads took to become inputs.
        predict_ms: milliseconds of the call of `predict`.
    """

    answers: Sequence[bytes | RecordError]
    queue_ms: float
    decode_ms: float
    predict_ms: float


class BatchFailed(Exception):  # noqa: N818 - an outcome that the scorer splits, not an error
    """A batch has no answers; split it to find the record that is to blame.

    Attributes:
        reason: `MODEL_ERROR`, `MODEL_TIMEOUT`, `MODEL_CRASH` or `INVALID_OUTPUT`.
        detail: one line for people.
        trace: the traceback where there is one, else empty.
        suspect: whether this batch may be to blame; False when it only waited while the
            process died of another, so it can be sent again whole.
        out_of_memory: whether memory ran out, so that a smaller batch may pass.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        trace: str = "",
        *,
        suspect: bool = True,
        out_of_memory: bool = False,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.trace = trace
        self.suspect = suspect
        self.out_of_memory = out_of_memory
