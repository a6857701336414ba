"""A text with the manner in which it is to be spoken, as one payload.

The text in UTF-8, and behind a zero byte, where something is said of it, the manner in JSON. A
text without that is a payload, too. Zero bytes of a text become spaces, as a tokenizer would have
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from aimass_stream.errors import Reason, RecordError

_MARK = b"\0"


class Manner(msgspec.Struct, frozen=True):
    """How a text is to be spoken.

    Attributes:
        speaker: a number; None for the declaration's.
        style: a name that the declaration knows; empty for the model's own.
    """

    speaker: int | None = None
    style: str = ""


_FIELDS = Manner.__struct_fields__


def encode_spoken(text: bytes, said: Mapping[str, Any]) -> bytes:
    """A payload.

    Args:
        text: in UTF-8.
        said: of the text; only the fields of `Manner` are taken, whatever they hold.
    """
    manner = {name: said[name] for name in _FIELDS if name in said}
    plain = text.replace(_MARK, b" ")
    return plain + _MARK + orjson.dumps(manner) if manner else plain


def decode_spoken(payload: bytes) -> tuple[bytes, Manner]:
    """The text of a payload, and how to speak it.

    Raises:
        RecordError: BAD_ENVELOPE, the speaker is no number or the style no text.
    """
    text, mark, said = payload.partition(_MARK)
    if not mark:
        return text, Manner()
    try:
        # A header of the record can only say it as text.
        return text, msgspec.json.decode(said, type=Manner, strict=False)
    except msgspec.MsgspecError as error:
        raise RecordError(Reason.BAD_ENVELOPE, f"how to speak the text: {error}") from None
