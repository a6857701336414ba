r"""Record batches as the client reads them, and what it must not stumble over.

A header's name is UTF-8 by Kafka's protocol, but neither broker nor librdkafka looks at it. The
client reads a batch in compiled code that raises on such a name, at every attempt, so that one
record would stop every consumer of its partition for ever. Here such a batch is read a second
time, in Python, with the name's odd bytes written as `\\xff`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from aimass_stream.kafka.checksums import is_intact

_LENGTH_AT = 8
_OVERHEAD = 12
_MAGIC_AT = 16
_FIRST_WITH_HEADERS = 2


def read_odd_names() -> None:
    """Have every consumer of this process read header names that are not UTF-8.

    The fetcher takes the class of its batches from its module, and has no other door.
    """
    fetcher.MemoryRecords = LenientRecords


class LenientRecords:
    """The batches of one answer to a fetch.

    Args:
        data: as they came from the broker; the last batch may be cut off.
    """

    __slots__ = ("_at", "_data", "_records")

    def __init__(self, data: bytes) -> None:
        self._records = MemoryRecords(data)
        self._data = data
        self._at = 0

    def size_in_bytes(self) -> int:
        """How much it is."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Whether another batch is whole."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """The next batch; None behind the last."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        start = self._at
        (length,) = struct.unpack_from(">i", self._data, start + _LENGTH_AT)
        self._at = start + _OVERHEAD + length
        if self._data[start + _MAGIC_AT] < _FIRST_WITH_HEADERS:
            return batch
        return LenientBatch(batch, memoryview(self._data)[start : self._at])


class LenientBatch:
    """One batch: the client's own, until its records cannot be read.

    Attributes:
        compiled: the client's own, an iterator of its records.
    """

    __slots__ = ("_data", "compiled")

    def __init__(self, compiled: Any, data: memoryview) -> None:
        self.compiled = compiled
        self._data = data

    def __getattr__(self, name: str) -> Any:
        """Whatever the fetcher asks a batch for."""
        return getattr(self.compiled, name)

    def validate_crc(self) -> bool:
        """Whether it is as it was written."""
        return is_intact(self._data)

    def __next__(self) -> Any:
        return next(self.compiled)

    def __iter__(self) -> Iterator[Any]:
        # One at a time: to make a list of a whole batch costs 0.5 us a record more.
        read = 0
        try:
            for record in self.compiled:
                yield record
                read += 1
        except UnicodeDecodeError:
            yield from islice(self.read_in_python(), read, None)

    def read_in_python(self) -> Iterator[Any]:
        """All of its records, whatever their headers are called."""
        batch: Any = _DefaultRecordBatchPy(self._data)
        batch._maybe_uncompress()  # noqa: SLF001 - done before its bytes are replaced
        batch._buffer = _OddBytes(batch._buffer)  # noqa: SLF001 - as above
        return iter(batch)


class _OddBytes(bytearray):
    """Bytes whose slices are text in any case."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _OddBytes(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        del errors
        return super().decode(encoding, "backslashreplace")
