"""What a record says beside its payload, read for the model that asks for it.

A worker reads it, so that what makes no sense costs a dead letter before a model is asked. Nothing
here imports a model library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Prompt, Record

MOST_NAMES = 100
"""Names that a record may bring."""
NAME_CHARS = 100
"""Characters of one of them."""
PROMPT_CHARS = 2_000
"""Characters of a text that says what to draw."""


class Manner(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a text is to be spoken.

    Attributes:
        speaker: a number; None for the declaration's.
        style: a name that the declaration knows; empty for the model's own.
    """

    speaker: int | None = None
    style: str = ""


def read_names(record: Record) -> dict[str, list[str]]:
    """The names that a record brings: `labels` of its metadata, as `{"labels": [...]}`.

    In an envelope of JSON it is a list; a header `meta-labels` holds the same list as JSON.

    Raises:
        RecordError: BAD_ENVELOPE (no list of texts, a blank one, or one that comes twice) or
            TOO_LARGE (too many, or one too long); the detail never shows a name.
    """
    found = _listed(metadata_of(record).get("labels"))
    if not isinstance(found, list) or not found:
        raise RecordError(Reason.BAD_ENVELOPE, "the record has no list `labels` of names")
    if len(found) > MOST_NAMES:
        detail = f"{len(found)} names are more than the limit of {MOST_NAMES}"
        raise RecordError(Reason.TOO_LARGE, detail)
    for place, name in enumerate(found):
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise RecordError(Reason.BAD_ENVELOPE, f"`labels`: number {place} is no name")
        if len(name) > NAME_CHARS:
            detail = f"`labels`: number {place} is longer than {NAME_CHARS} characters"
            raise RecordError(Reason.TOO_LARGE, detail)
    if len(set(found)) != len(found):
        raise RecordError(Reason.BAD_ENVELOPE, "`labels` holds a name twice")
    return {"labels": found}


def read_prompt(record: Record) -> dict[str, str]:
    """What is to be drawn: `text` of the metadata, or a header `meta-text`, as `{"text": ...}`.

    Nothing is told of it in a record without one, which is no fault.

    Raises:
        RecordError: BAD_ENVELOPE (it is no text), or TOO_LARGE.
    """
    text = metadata_of(record).get("text", "")
    if not isinstance(text, str):
        raise RecordError(Reason.BAD_ENVELOPE, "`text` of the record is no text")
    if len(text) > PROMPT_CHARS:
        detail = f"`text` is longer than the limit of {PROMPT_CHARS} characters"
        raise RecordError(Reason.TOO_LARGE, detail)
    return {"text": text}


def read_manner(record: Record) -> dict[str, Any]:
    """The fields of `Manner` that the metadata holds, or headers `meta-speaker` and `meta-style`.

    Raises:
        RecordError: BAD_ENVELOPE, the speaker is no number or the style no text.
    """
    said = metadata_of(record)
    found = {name: said[name] for name in Manner.__struct_fields__ if name in said}
    try:
        # A header can only say a number as text.
        manner = msgspec.convert(found, Manner, strict=False)
    except msgspec.ValidationError as error:
        raise RecordError(Reason.BAD_ENVELOPE, f"how to speak the text: {error}") from None
    told: dict[str, Any] = msgspec.to_builtins(manner)
    return told


def read_controls(record: Record) -> dict[str, Any]:
    """The fields of `PromptControls` that a `Prompt` holds; nothing of any other record."""
    told: dict[str, Any] = {}
    if isinstance(record, Prompt):
        told = msgspec.to_builtins(record.controls)
    return told


def metadata_of(record: Record) -> Mapping[str, Any]:
    """What a record's producer sent beside the payload; nothing for a type that has none."""
    found: Mapping[str, Any] = getattr(record, "metadata", {})
    return found


def _listed(value: Any) -> Any:
    """A header's text as the JSON that it holds."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
