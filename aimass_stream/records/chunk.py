"""A record, and a chunk of records of one partition in offset order.

The engine moves chunks; a `Record` is a view of one row, made when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, TypeVar

from aimass_stream.records import identity
from aimass_stream.records.claim import Claim
from aimass_stream.records.example import Example, draw_object, draw_of, draw_user
from aimass_stream.records.limits import Limits

Headers = Sequence[tuple[str, bytes]]


class Record:
    """One record as it lies on its topic: the envelope, nothing decoded.

    A record type derives from this and says in `check` which envelopes it accepts. `Record`
    itself accepts anything that is not a tombstone and serves topics of plain bytes. A type that
    accepts less than any small JSON object gives `examples` of its own.

    Attributes:
        timestamp_ms: event time, milliseconds since the epoch.
        key: the key's bytes; answers carry the same key.
        value: the value's bytes, None for a tombstone.
    """

    __slots__ = ("headers", "key", "offset", "partition", "timestamp_ms", "topic", "value")

    def __init__(  # noqa: PLR0913 - the columns of a Kafka record, no more
        self,
        topic: str,
        partition: int,
        offset: int,
        timestamp_ms: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp_ms = timestamp_ms
        self.key = key
        self.value = value
        self.headers = headers

    @classmethod
    def examples(cls, count: int, seed: int = 0) -> list[Example]:
        """Valid records of this type: many, different, and the same for the same arguments.

        `aimass verify` produces them where it is given no inputs. Each must pass `check`, and be
        decoded by the codec of its modality. The first of `examples(9)` are `examples(5)`.

        Args:
            count: how many.
            seed: of what is drawn.
        """
        draw = draw_of(seed, "object")
        return [
            Example(draw_object(draw, number), draw_user(draw).encode()) for number in range(count)
        ]

    def header(self, name: str) -> str | None:
        """The last header of that name as text; None when there is none."""
        found = None
        for key, value in self.headers:
            if key == name:
                found = value
        return None if found is None else found.decode(errors="replace")

    @property
    def source(self) -> str:
        """`topic/partition/offset`, where this record lies."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def root(self) -> str:
        """The first source of the chain this record belongs to; its own when it began one."""
        return self.header(identity.ROOT) or self.source

    def check(self, limits: Limits) -> None:
        """Accept the envelope, without decoding or expanding the payload.

        Runs once per record in the worker, before anything is done with it.

        Raises:
            RecordError: the envelope is none that this type accepts.
        """

    @property
    def claim(self) -> Claim | None:
        """Where the payload lies when it is not in the record."""
        return None

    def attach(self, payload: bytes) -> None:
        """Take the payload that was fetched, and verified, for this record's claim.

        Raises:
            RecordError: the payload is not what the record's type accepts.
            TypeError: the record has no claim.
        """
        del payload
        raise TypeError(f"{self.source} has no claim: its payload lies in the record")

    @property
    def bytes(self) -> bytes:
        """The payload. For a claim check, whatever the engine fetched for it."""
        return self.value or b""


T = TypeVar("T")
RecordT = TypeVar("RecordT", bound=Record)


class Chunk:
    """Columns of records of one partition, in offset order; offsets may have gaps.

    This is what is polled, what a `stream.batches()` body is handed, and what an outcome is
    reported for. All columns have the same length.
    """

    __slots__ = ("headers", "keys", "offsets", "partition", "timestamps_ms", "topic", "values")

    def __init__(  # noqa: PLR0913 - the columns of a Kafka record, no more
        self,
        topic: str,
        partition: int,
        offsets: Sequence[int],
        timestamps_ms: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        headers: Sequence[Headers],
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offsets = offsets
        self.timestamps_ms = timestamps_ms
        self.keys = keys
        self.values = values
        self.headers = headers

    def __len__(self) -> int:
        return len(self.offsets)

    def rows(self, first: int, last: int) -> Self:
        """The rows from `first` up to, not including, `last`."""
        return type(self)(
            self.topic,
            self.partition,
            self.offsets[first:last],
            self.timestamps_ms[first:last],
            self.keys[first:last],
            self.values[first:last],
            self.headers[first:last],
        )

    def take(self, rows: Sequence[int]) -> Self:
        """The rows named, in the order named."""
        return type(self)(
            self.topic,
            self.partition,
            [self.offsets[row] for row in rows],
            [self.timestamps_ms[row] for row in rows],
            [self.keys[row] for row in rows],
            [self.values[row] for row in rows],
            [self.headers[row] for row in rows],
        )

    def join(self, following: Self) -> Self:
        """The rows of this chunk, then those of another of the same partition."""
        return type(self)(
            self.topic,
            self.partition,
            [*self.offsets, *following.offsets],
            [*self.timestamps_ms, *following.timestamps_ms],
            [*self.keys, *following.keys],
            [*self.values, *following.values],
            [*self.headers, *following.headers],
        )

    def records(self, kind: type[RecordT]) -> list[RecordT]:
        """Views of the rows as records of type `kind`; nothing is checked."""
        topic, partition = self.topic, self.partition
        return [
            kind(topic, partition, offset, timestamp_ms, key, value, headers)
            for offset, timestamp_ms, key, value, headers in zip(
                self.offsets,
                self.timestamps_ms,
                self.keys,
                self.values,
                self.headers,
                strict=True,
            )
        ]

    @property
    def size_bytes(self) -> int:
        """Bytes of all values."""
        return sum(map(len, filter(None, self.values)))


def pick(column: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """A column's values of rows that ascend, sliced where these are contiguous."""
    if rows and rows[-1] - rows[0] + 1 == len(rows):
        return column[rows[0] : rows[-1] + 1]
    return [column[row] for row in rows]
