"""Messages on their way to one partition, held as columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from aimass_stream.kafka.column_batch import ColumnBatch
from aimass_stream.kafka.wire import RECORD_OVERHEAD, header_block

Message = tuple[int, bytes | None, bytes, list[tuple[str, bytes]]]
"""Timestamp in milliseconds, key, value and headers of one message."""


class Messages:
    """Messages in order, one column for each part of them, headers written already.

    A worker holds thousands of them while a batch is under way. Of columns of bytes the garbage
    collector knows nothing; of a tuple for each it would look through all, again and again.
    """

    __slots__ = ("_header_blocks", "_keys", "_size_bytes", "_timestamps_ms", "_values")

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._timestamps_ms: list[int] = []
        self._keys: list[bytes | None] = []
        self._values: list[bytes] = []
        self._header_blocks: list[bytes] = []
        self._size_bytes = 0
        for message in messages:
            self.append(message)

    def __len__(self) -> int:
        return len(self._values)

    def append(self, message: Message) -> None:
        """Add one message."""
        timestamp_ms, key, value, headers = message
        self.extend([timestamp_ms], [key], [value], [header_block(headers)])

    def extend(
        self,
        timestamps_ms: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes],
        header_blocks: Sequence[bytes],
    ) -> None:
        """Add messages, given as columns of one length; headers as `wire.py` writes them."""
        self._timestamps_ms += timestamps_ms
        self._keys += keys
        self._values += values
        self._header_blocks += header_blocks
        # To join what is small is quicker than to add up its lengths.
        small = len(b"".join(filter(None, keys))) + len(b"".join(header_blocks))
        self._size_bytes += small + sum(map(len, values))

    def fits(self, limit_bytes: int) -> bool:
        """Whether all of them go into one batch within a limit."""
        return self._size_bytes + RECORD_OVERHEAD * len(self) <= limit_bytes

    def batches(self, limit_bytes: int) -> Iterator[tuple[int, int]]:
        """Cut into batches within a limit, none without a message: where each begins and ends."""
        if len(self) and self.fits(limit_bytes):
            yield 0, len(self)
            return
        ends = [*accumulate(map(self._size, range(len(self))), initial=0)]
        first = 0
        while first < len(self):
            end = max(first + 1, bisect_right(ends, ends[first] + limit_bytes) - 1)
            yield first, end
            first = end

    def batch(self, first: int, end: int, compression_type: int) -> ColumnBatch:
        """The messages from `first` up to `end` as a batch of the client's."""
        return ColumnBatch(
            compression_type,
            self._timestamps_ms[first:end],
            self._keys[first:end],
            self._values[first:end],
            self._header_blocks[first:end],
        )

    def _size(self, at: int) -> int:
        parts = (self._keys[at] or b"", self._values[at], self._header_blocks[at])
        return sum(map(len, parts)) + RECORD_OVERHEAD
