"""Records in Kafka's own form (message format 2), written column by column.

The client writes a record at a time, from a list of pairs for its headers; for an answer with
four headers that costs three times what it costs here. What is written here goes into a batch
by `column_batch.py`; nothing in here knows the client.
"""

from __future__ import annotations

from collections.abc import Sequence

from aimass_stream.records import Headers

RECORD_OVERHEAD = 31
"""Bytes of a record beside its key, value and headers: at the most, five varints and a byte."""

_NO_ATTRIBUTES = b"\0"
_NULL = -1


def varint(number: int) -> bytes:
    """A number as records hold it: zigzag, seven bits a byte, the lowest first."""
    rest = number << 1 if number >= 0 else ~(number << 1)
    written = bytearray()
    while rest > 0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    written.append(rest)
    return bytes(written)


_SMALL = [varint(number) for number in range(4096)]
_SMALL_BEHIND_ATTRIBUTES = [_NO_ATTRIBUTES + written for written in _SMALL]


def header(name: str, value: bytes) -> bytes:
    """One header."""
    return b"%b%b%b" % (header_name(name), varint(len(value)), value)


def header_name(name: str) -> bytes:
    """The name of a header, behind which comes the varint of its value's length."""
    written = name.encode()
    return varint(len(written)) + written


def header_block(headers: Headers) -> bytes:
    """All headers of a record."""
    return varint(len(headers)) + b"".join([header(name, value) for name, value in headers])


def records(
    timestamps_ms: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    header_blocks: Sequence[bytes],
) -> bytes:
    """The records of a batch that begins with the first of these, one behind the other."""
    count = len(values)
    columns = (
        _attributes_and_times(timestamps_ms),
        _SMALL[:count] if count <= len(_SMALL) else [varint(number) for number in range(count)],
        *_lengths_and_bytes(keys),
        *_lengths_and_bytes(values),
        header_blocks,
    )
    bodies = [*map(b"".join, zip(*columns, strict=True))]
    written = [b""] * (2 * count)
    written[::2] = _lengths(bodies)
    written[1::2] = bodies
    return b"".join(written)


def _attributes_and_times(timestamps_ms: Sequence[int]) -> list[bytes]:
    first_ms = timestamps_ms[0]
    # They mostly ascend, and to sort what does is quicker than to look for both ends.
    ascending = sorted(timestamps_ms)
    if first_ms == ascending[0] and ascending[-1] - first_ms < len(_SMALL):
        return [_SMALL_BEHIND_ATTRIBUTES[time_ms - first_ms] for time_ms in timestamps_ms]
    return [_NO_ATTRIBUTES + varint(time_ms - first_ms) for time_ms in timestamps_ms]


def _lengths(column: Sequence[bytes]) -> list[bytes]:
    try:
        return [*map(_SMALL.__getitem__, map(len, column))]
    except IndexError:
        return [varint(len(each)) for each in column]


def _lengths_and_bytes(column: Sequence[bytes | None]) -> tuple[list[bytes], Sequence[bytes]]:
    if all(column):
        present: Sequence[bytes] = column  # type: ignore[assignment]
        return _lengths(present), present
    lengths = [varint(_NULL if each is None else len(each)) for each in column]
    return lengths, [each or b"" for each in column]
