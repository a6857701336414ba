"""The client's records of one partition, taken apart into the columns of a `Chunk`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from faust.types.tuples import TP

from aimass_stream.records import Chunk, Headers


class Columns:
    """Columns that grow.

    Attributes:
        offsets: those taken so far, in order.
    """

    __slots__ = ("_headers", "_keys", "_timestamps_ms", "_values", "offsets")

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self._timestamps_ms: list[int] = []
        self._keys: list[bytes | None] = []
        self._values: list[bytes | None] = []
        self._headers: list[Headers] = []

    def take(self, records: Iterable[Any]) -> None:
        """Append records; where asking for one raises, those before it are in.

        In one pass, because records that are decoded as they are asked for are then gone at once,
        before others have pushed them out of the processor's cache.
        """
        offsets, timestamps_ms = self.offsets, self._timestamps_ms
        keys, values, headers = self._keys, self._values, self._headers
        for record in records:
            offsets.append(record.offset)
            timestamps_ms.append(record.timestamp)
            keys.append(record.key)
            values.append(record.value)
            # An empty list for each would have the collector of garbage look at them all.
            headers.append(_filled(held) if (held := record.headers) else ())

    def chunk(self, tp: TP) -> Chunk:
        """What was taken."""
        return Chunk(
            tp.topic,
            tp.partition,
            self.offsets,
            self._timestamps_ms,
            self._keys,
            self._values,
            self._headers,
        )


def chunk_of(tp: TP, records: Iterable[Any]) -> Chunk:
    """Columns of the client's records of one partition."""
    columns = Columns()
    columns.take(records)
    return columns.chunk(tp)


def _filled(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    """Headers as they are, but null is empty: everybody behind here takes values for bytes."""
    if any(value is None for _, value in headers):
        return [(name, value or b"") for name, value in headers]
    return cast(Headers, headers)
