"""A small JSON object as the whole value of a record: bounds first, then strict parsing."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import orjson

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.chunk import Headers

JSON_DEPTH = 64
"""Levels of objects and lists in an object, itself one."""

CONTENT_TYPE = ("content-type", "Content-Type")
"""What the header is called that declares a value's type."""
METADATA_PREFIX = "meta-"
"""A header whose name begins so is metadata, under the rest of its name."""
_UNDECLARED = ("", "application/octet-stream", "text/plain")

FormT = TypeVar("FormT")


def read_object(value: bytes | None, limit_bytes: int) -> dict[str, Any]:
    """Parse a value that is one JSON object in UTF-8.

    Strictly: no byte order mark, no NaN, no infinity, no number beyond a double, no lone
    surrogate, and nothing behind the object but white space. A name written twice counts with
    its last value; an integer beyond 64 bits becomes a float.

    Raises:
        RecordError: EMPTY (also for a tombstone), TOO_LARGE or BAD_ENVELOPE; the detail never
            shows what the value holds.
    """
    if not value:
        what = "a tombstone" if value is None else "empty"
        raise RecordError(Reason.EMPTY, f"the value is {what}")
    if len(value) > limit_bytes:
        raise RecordError(
            Reason.TOO_LARGE, f"{len(value)} bytes are more than the limit of {limit_bytes}"
        )
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise RecordError(
            Reason.BAD_ENVELOPE, f"the value is not valid JSON (character {error.pos})"
        ) from None
    if not isinstance(fields, dict):
        raise RecordError(Reason.BAD_ENVELOPE, "the JSON value is not an object")
    # Fewer brackets than levels, so it cannot be too deep: most objects end here.
    if value.count(b"{") + value.count(b"[") > JSON_DEPTH:
        check_depth(fields)
    return fields


def check_depth(fields: dict[str, Any]) -> None:
    """Refuse an object of more than `JSON_DEPTH` levels.

    Raises:
        RecordError: BAD_ENVELOPE.
    """
    level: list[Any] = [fields]
    for _ in range(JSON_DEPTH):
        below: list[Any] = []
        for found in level:
            inner = found.values() if isinstance(found, dict) else found
            below += [value for value in inner if isinstance(value, dict | list)]
        if not below:
            return
        level = below
    raise RecordError(
        Reason.BAD_ENVELOPE, f"the JSON object is nested more than {JSON_DEPTH} levels deep"
    )


def check_declared(headers: Headers) -> None:
    """Refuse a value that a header declares to be something other than JSON.

    Raises:
        RecordError: TYPE_MISMATCH.
    """
    for name, value in headers:
        if name in CONTENT_TYPE:
            declared = value.decode(errors="replace").partition(";")[0].strip().lower()
            is_json = declared == "application/json" or declared.endswith("+json")
            if not is_json and declared not in _UNDECLARED:
                raise RecordError(Reason.TYPE_MISMATCH, "the header declares something but JSON")
            return


def as_form(fields: dict[str, Any], form: type[FormT]) -> FormT:
    """The fields as a struct; what it does not name is passed over.

    Raises:
        RecordError: BAD_ENVELOPE; the detail names the field, never its value.
    """
    try:
        return msgspec.convert(fields, form)
    except msgspec.ValidationError as error:
        raise RecordError(Reason.BAD_ENVELOPE, f"the JSON object: {error}") from None
