"""Answers as they come from a device process, read into a model's answer type."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, Generic, TypeVar, cast

import msgspec
import numpy as np

from aimass_stream.error_text import describe
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Embedding

A = TypeVar("A")

# In msgpack a float is 0xcb (64 bits) or 0xca (32 bits) and its big-endian bytes. NaN and
# infinity have all bits of the exponent set, so the first of them is 0x7f or 0xff. Few finite
# numbers begin so, and text may hold these bytes too: what is found is looked at closely.
_MAY_BE_NOT_FINITE = (b"\xcb\x7f", b"\xcb\xff", b"\xca\x7f", b"\xca\xff")


class AnswerReader(Generic[A]):
    """Reads the answers of one model; an answer that is wrong costs its own record only."""

    def __init__(self, answer_type: type[A]) -> None:
        self._type = answer_type
        self._decode = msgspec.msgpack.Decoder(answer_type).decode

    def read(self, answers: Sequence[bytes | RecordError]) -> list[A | RecordError]:
        """Decode each answer, in order; errors pass through.

        An answer of another type, or with NaN or infinity in it, becomes an `INVALID_OUTPUT`. The
        numbers of an `Embedding` are looked at too, although to msgpack they are bytes.
        """
        decode = self._decode
        try:
            good = cast(Sequence[bytes], answers)
            outcomes: list[A | RecordError] = [decode(answer) for answer in good]
            joined = b"".join(good)
        except (TypeError, msgspec.MsgspecError):
            return [self._read_one(answer) for answer in answers]
        embeddings = cast(list[Embedding], outcomes) if self._type is Embedding else ()
        suspicious = any(sign in joined for sign in _MAY_BE_NOT_FINITE)
        if suspicious or not all(map(_is_whole, embeddings)):
            return [self._read_one(answer) for answer in answers]
        return outcomes

    def _read_one(self, answer: bytes | RecordError) -> A | RecordError:
        if isinstance(answer, RecordError):
            return answer
        try:
            outcome = self._decode(answer)
            is_finite = _is_finite(msgspec.msgpack.decode(answer))
        except msgspec.MsgspecError as error:
            name = getattr(self._type, "__name__", str(self._type))
            detail = f"the answer is no {name}: {describe(error)}"
            return RecordError(Reason.INVALID_OUTPUT, detail)
        if isinstance(outcome, Embedding) and not _is_whole(outcome):
            detail = "the embedding is no vector of as many finite numbers as it says"
            return RecordError(Reason.INVALID_OUTPUT, detail)
        if not is_finite:
            return RecordError(Reason.INVALID_OUTPUT, "the answer holds NaN or infinity")
        return outcome


def _is_whole(embedding: Embedding) -> bool:
    """Whether its bytes are as many finite numbers as it says."""
    try:
        return bool(np.isfinite(embedding.numbers).all())
    except ValueError:
        return False


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, list):
        return all(map(_is_finite, value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return True
