r"""A record as a person reads it, and as a program does; pure, nothing is decoded but text.

Values come from anybody. What reaches a terminal is printable: control characters, escape
sequences and marks that turn the direction of text are written as `\x1b` or `\u202e`.
"""

from __future__ import annotations

import base64
import binascii
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any

import orjson

from aimass_stream.cli.payload_text import payload_text
from aimass_stream.cli.units import size_text
from aimass_stream.records import Audio, Image, Record, identity

TEXT_CHARS = 2_000
"""Characters of a value that are ever shown; a line is shorter still."""
KEY_CHARS = 32
JSON_TEXT_CHARS = 60
JSON_ITEMS = 20
JSON_DEPTH = 6
HEX_BYTES = 16

# Joiners have no look of their own, and many scripts and emoji need them.
_HARMLESS = "\u200c\u200d"
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_OUTCOMES = {"agent", "topic", "partition", "first", "last", "answered", "quiet", "dead_lettered"}


@dataclass(frozen=True, slots=True)
class Line:
    """A record in the parts of its line.

    Attributes:
        time: local time of day, with the date unless it is today.
        place: `partition/offset`.
        key: the key as text.
        mark: the reason of a dead letter; else empty.
        value: the value, or for a dead letter the error and the value.
        origin: the model that answered and the record it answered, where headers say so.
    """

    time: str
    place: str
    key: str
    mark: str
    value: str
    origin: str


def line_of(record: Record, now: datetime, *, headers: bool) -> Line:
    """What one line says of a record.

    Args:
        record: any record of any topic.
        now: local time, to tell today from other days.
        headers: whether all headers follow the value.
    """
    reason = record.header(identity.REASON) or ""
    value = show_bytes(record.value)
    if reason:
        value = f"{escape(record.header(identity.ERROR) or '')} | {value}"
    if headers and record.headers:
        every = ", ".join(f"{escape(name)}={show_bytes(held)}" for name, held in record.headers)
        value += f"  [{every}]"
    return Line(
        time=time_text(record.timestamp_ms, now),
        place=f"{record.partition}/{record.offset}",
        key="-" if record.key is None else _cut(show_bytes(record.key), KEY_CHARS),
        mark=escape(reason),
        value=value,
        origin=_origin(record),
    )


def json_of(record: Record) -> str:
    """A record as one line of JSON; see `about_record`."""
    return json_line(about_record(record))


def json_line(about: dict[str, Any]) -> str:
    """One line of JSON, without a character that could act on a terminal."""
    return _escape_json(orjson.dumps(about).decode())


def about_record(record: Record) -> dict[str, Any]:
    """A record for JSON; a value that is JSON stands in it as it is.

    `value`, `key` and headers are text where they are UTF-8; else `value_base64`, `key_base64`
    and replaced characters.
    """
    about: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "time": moment.isoformat() if (moment := _moment(record.timestamp_ms, UTC)) else None,
    }
    about |= _json_field("key", record.key)
    parsed = _parse(record.value)
    about |= _json_field("value", record.value) if parsed is None else {"value": parsed}
    about["headers"] = {name: held.decode(errors="replace") for name, held in record.headers}
    return about


def escape(text: str) -> str:
    """The text with everything that is not printable written out."""
    return "".join(
        character
        if character.isprintable() or character in _HARMLESS
        else _SHORT.get(character) or _code(character)
        for character in text
    )


def time_text(timestamp_ms: int, now: datetime) -> str:
    """Local time of day, with the date unless it is today.

    Args:
        timestamp_ms: milliseconds since the epoch.
        now: local time.
    """
    moment = _moment(timestamp_ms, now.tzinfo)
    if moment is None:
        return f"@{timestamp_ms}"
    clock = f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"
    return clock if moment.date() == now.date() else f"{moment:%Y-%m-%d} {clock}"


def show_bytes(value: bytes | None) -> str:
    """A value or key on one line: JSON and text as such, files and the rest summed up."""
    if value is None:
        return "(tombstone)"
    if not value:
        return "(empty)"
    return payload_text(value) or _json_text(value) or _plain_text(value) or _bytes_text(value)


def _json_text(value: bytes) -> str:
    parsed = _parse(value)
    if parsed is None:
        return ""
    if isinstance(parsed, dict) and parsed.keys() >= _OUTCOMES:
        return escape(_outcomes_text(parsed))
    shown = json.dumps(_shorten(parsed, JSON_DEPTH), ensure_ascii=False)
    return _cut(escape(shown), TEXT_CHARS)


def _plain_text(value: bytes) -> str:
    text = _text(value[: 4 * TEXT_CHARS])
    return "" if text is None else _cut(escape(text), TEXT_CHARS)


def _parse(value: bytes | None) -> dict[str, Any] | list[Any] | None:
    if not value or value[:64].lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict | list) else None


def _outcomes_text(parsed: dict[str, Any]) -> str:
    """A record of an outcomes topic: which offsets, and how many of each outcome."""
    counts = []
    for outcome in ("answered", "quiet", "dead_lettered"):
        count: int | str
        try:
            count = sum(last - first + 1 for first, last in parsed[outcome])
        except (TypeError, ValueError):
            count = "?"
        counts.append(f"{count} {outcome.replace('_', '-')}")
    return (
        f"{parsed['agent']}: {parsed['topic']}/{parsed['partition']}/"
        f"{parsed['first']}-{parsed['last']} {', '.join(counts)}"
    )


def _shorten(value: Any, depth: int) -> Any:
    """The value with long texts, lists and deep parts cut, so that it fits a line."""
    if isinstance(value, str):
        return _shorten_text(value)
    if isinstance(value, dict | list):
        return _shorten_container(value, depth - 1) if depth else "…"
    if isinstance(value, float) and abs(value) < 1:
        return float(f"{value:.4g}")
    return value


def _shorten_container(value: dict[str, Any] | list[Any], depth: int) -> Any:
    left_out = len(value) - JSON_ITEMS
    if isinstance(value, list):
        items = [_shorten(item, depth) for item in value[:JSON_ITEMS]]
        return [*items, f"… {left_out:,} more"] if left_out > 0 else items
    fields = {
        _cut(name, JSON_TEXT_CHARS): _shorten(held, depth)
        for name, held in islice(value.items(), JSON_ITEMS)
    }
    return {**fields, "…": f"{left_out:,} more"} if left_out > 0 else fields


def _shorten_text(text: str) -> str:
    if len(text) <= JSON_TEXT_CHARS:
        return text
    with suppress(binascii.Error, ValueError):
        start = base64.b64decode(text[:64], validate=True)
        if Image.sniff(start) or Audio.sniff(start):
            return payload_text(base64.b64decode(text))
    return f"{text[:JSON_TEXT_CHARS]}… ({len(text):,} characters)"


def _text(value: bytes) -> str | None:
    """The value as text; None where it is none, by its encoding or by what it holds."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        # The start of a longer value may end within a character.
        if error.start < len(value) - 3 or error.start == 0:
            return None
        text = value[: error.start].decode()
    unprintable = sum(not c.isprintable() and c not in _SHORT for c in text)
    return text if unprintable * 5 <= len(text) else None


def _bytes_text(value: bytes) -> str:
    size = size_text(len(value))
    more = "…" if len(value) > HEX_BYTES else ""
    return f"{size}: {value[:HEX_BYTES].hex(' ')}{more}"


def _json_field(name: str, value: bytes | None) -> dict[str, str | None]:
    if value is None:
        return {name: None}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(value).decode()}


def _origin(record: Record) -> str:
    model, source = record.header(identity.MODEL), record.header(identity.SOURCE)
    parts = [model or "", f"<- {source}" if source else ""]
    return escape(" ".join(part for part in parts if part and part != identity.NO_MODEL))


def _moment(timestamp_ms: int, zone: tzinfo | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, zone)
    except (OverflowError, ValueError, OSError):
        return None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _code(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escape_json(text: str) -> str:
    """The same JSON, without a character that could act on a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _HARMLESS else _json_code(c) for c in text)


def _json_code(character: str) -> str:
    pair = character.encode("utf-16-be").hex()
    return "".join(f"\\u{pair[at : at + 4]}" for at in range(0, len(pair), 4))
