"""A batch of the client's that is given its records all at once, written by `wire.py`.

`BatchBuilder` appends a record at a time to a compiled buffer that nothing else can be put into.
The client's builder in Python keeps the same buffer where it can be reached, and does all else
that makes a batch: its header, checksum, compression, and the producer's sequence. This is the
one file that reaches into the client's producer; `tests/kafka/test_column_batch.py` says when a
release of the client no longer has what is reached for.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from aimass_stream.kafka.wire import records

BATCH_OVERHEAD = _DefaultRecordBatchBuilderPy.HEADER_STRUCT.size
"""Bytes of a batch beside its records."""

_MAGIC = 2


class ColumnBatch(BatchBuilder):  # type: ignore[misc]  # the client has no types
    """A batch for `send_batch`, closed from the start.

    Args:
        compression_type: the client's number of a codec; 0 for none.
        timestamps_ms: of its records, one at least; the other columns are as long.
        keys: None where there is none.
        values: None for a tombstone.
        header_blocks: the headers of each, written.
    """

    def __init__(
        self,
        compression_type: int,
        timestamps_ms: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        header_blocks: Sequence[bytes],
    ) -> None:
        super().__init__(0, compression_type)
        builder = _DefaultRecordBatchBuilderPy(_MAGIC, compression_type, 0, -1, -1, 0, 0)
        builder._buffer += records(timestamps_ms, keys, values, header_blocks)  # noqa: SLF001 - what this module is for
        builder._first_timestamp = timestamps_ms[0]  # noqa: SLF001 - as above
        builder._max_timestamp = max(timestamps_ms)  # noqa: SLF001 - as above
        builder._num_records = len(timestamps_ms)  # noqa: SLF001 - as above
        builder._last_offset = len(timestamps_ms) - 1  # noqa: SLF001 - as above
        self._builder = builder
        self._relative_offset = len(timestamps_ms)
        self.close()

    def _set_producer_state(self, producer_id: int, producer_epoch: int, sequence: int) -> None:
        # The client's own insists on the compiled builder.
        self._builder.set_producer_state(producer_id, producer_epoch, sequence)


def compression_of(producer: AIOKafkaProducer) -> int:
    """The codec that a producer was told to use."""
    return int(producer._message_accumulator._compression_type)  # noqa: SLF001 - has no other door
