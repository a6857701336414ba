"""Chunks straight from the client's compiled decoder, without an object of Python for each record.

aiokafka turns every compiled record into a `ConsumerRecord`, which costs more than decoding it,
asks for each through two generators, and gathers them in a list. For our partitions the compiled
records go into columns as they are decoded. This reaches into the client's fetcher: its results
are kept in a mapping that readies each as it arrives. Where a release of the client no longer has
what is reached for, a fetch gives lists of `ConsumerRecord`s and everything works as before, only
slower; `tests/kafka/test_fetched_chunks.py` says when that is so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, cast
from weakref import proxy

from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import CorruptRecordException
from faust.types.tuples import TP

from aimass_stream.kafka.columns import Columns
from aimass_stream.kafka.record_batches import LenientBatch
from aimass_stream.records import Chunk

_OF_A_RESULT = ("_update_position", "check_assignment", "has_more", "getall")
_OF_ITS_RECORDS = (
    "next_fetch_offset",
    "_records",
    "_check_crcs",
    "_isolation_level",
    "_aborted_producers",
    "_consume_aborted_up_to",
    "_contains_abort_marker",
)


class _Results(dict[Any, Any]):
    """A fetcher's results by partition."""

    def __init__(self, held: dict[Any, Any], is_ours: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_ours = is_ours
        for tp, result in held.items():
            self[tp] = result

    def __setitem__(self, tp: Any, result: Any) -> None:
        records: Any = getattr(result, "_partition_records", None)
        is_known = _has(result, _OF_A_RESULT) and _has(records, _OF_ITS_RECORDS)
        if is_known and self._is_ours(tp.topic):
            place = TP(tp.topic, tp.partition)
            # The client's own iterator holds who holds it until it is exhausted, which it never is
            # here; a megabyte a fetch would wait for Python to look for garbage.
            records._records_iterator = None  # noqa: SLF001 - what this module is for
            result._partition_records = Unread(place, records)  # noqa: SLF001 - as above
            # A proxy, since a result that holds itself would keep its megabyte for long.
            result.getall = partial(_take_chunk, proxy(result), place)
        super().__setitem__(tp, result)


def _has(it: object, names: Iterable[str]) -> bool:
    return all(hasattr(it, name) for name in names)


def _take_chunk(result: Any, tp: TP, max_records: int | None = None) -> Chunk | Sequence[Any]:
    """What `FetchResult.getall` does, into columns."""
    if not result.check_assignment(tp) or not result.has_more():
        return ()
    chunk = result._partition_records.take(max_records)  # noqa: SLF001 - as above
    result._update_position()  # noqa: SLF001 - as above
    if max_records is None or len(chunk) < max_records:
        result._partition_records = None  # noqa: SLF001 - as above
    return cast(Chunk, chunk)


class Unread:
    """The records of one fetch that nobody has taken, in place of the client's own.

    Args:
        tp: whose they are.
        client: `PartitionRecords`, of which no record was asked for.
    """

    def __init__(self, tp: TP, client: Any) -> None:
        self._tp = tp
        self._client = client
        self._at_hand: list[Any] = []
        self._records = self._later_records()

    @property
    def next_fetch_offset(self) -> int:
        """Where the next fetch begins; the client asks."""
        return int(self._client.next_fetch_offset)

    def take(self, max_records: int | None) -> Chunk:
        """The next records.

        Raises:
            CorruptRecordException: a batch is not as it was written.
        """
        columns = Columns()
        while True:
            left = None if max_records is None else max_records - len(columns.offsets)
            try:
                columns.take(islice(self._records, left))
            except UnicodeDecodeError:
                self._note_read(columns.offsets)
                self._records = chain(self._rest_in_python(), self._later_records())
            else:
                break
        self._note_read(columns.offsets)
        return columns.chunk(self._tp)

    def _note_read(self, offsets: Sequence[int]) -> None:
        if offsets:
            client = self._client
            client.next_fetch_offset = max(client.next_fetch_offset, offsets[-1] + 1)

    def _rest_in_python(self) -> Iterator[Any]:
        """What the compiled decoder could not read of the batch at hand."""
        return _from(self.next_fetch_offset, self._at_hand[0].read_in_python())

    def _later_records(self) -> Iterator[Any]:
        """The records of batches that nobody has begun, from an iterator that is compiled code."""
        return chain.from_iterable(_batches(self._tp, self._client, self._at_hand))


def _batches(tp: TP, client: Any, at_hand: list[Any]) -> Iterator[Iterable[Any]]:
    """What the client does before and behind each batch, which then is `at_hand`.

    It does not know who asks: that one would hold itself.
    """
    while client._records.has_next():  # noqa: SLF001 - what this module is for
        batch = client._records.next_batch()  # noqa: SLF001 - as above
        at_hand[:] = [batch]
        if client._check_crcs and not batch.validate_crc():  # noqa: SLF001 - as above
            raise CorruptRecordException(f"a record batch of {tp.topic}/{tp.partition} is damaged")
        # A batch of control records is passed over however transactions are read.
        if not (_is_aborted(client, batch) or batch.is_control_batch):
            compiled = batch.compiled if isinstance(batch, LenientBatch) else batch
            # A fetch begins with the batch that holds its offset, not with the offset.
            is_begun = getattr(batch, "base_offset", 0) < client.next_fetch_offset
            yield _from(client.next_fetch_offset, compiled) if is_begun else compiled
        # Compaction may have removed the last of its records, and then they would be fetched
        # again and again.
        client.next_fetch_offset = batch.next_offset


def _is_aborted(client: Any, batch: Any) -> bool:
    """Whether who wrote it took it back, where whoever reads wants to know."""
    if client._isolation_level != READ_COMMITTED or batch.producer_id is None:  # noqa: SLF001 - as above
        return False
    client._consume_aborted_up_to(batch.base_offset)  # noqa: SLF001 - as above
    if batch.is_control_batch and client._contains_abort_marker(batch):  # noqa: SLF001 - as above
        client._aborted_producers.discard(batch.producer_id)  # noqa: SLF001 - as above
    return batch.is_transactional and batch.producer_id in client._aborted_producers  # noqa: SLF001 - as above


def _from(start: int, records: Iterable[Any]) -> Iterator[Any]:
    return (record for record in records if record.offset >= start)


def fetch_chunks(fetcher: Any, is_ours: Callable[[str], bool]) -> None:
    """Have a fetcher of aiokafka give a `Chunk` a partition; calling it again changes nothing.

    Args:
        fetcher: of the consumer; call this in the consumer's thread.
        is_ours: whether the records of a topic are wanted so.
    """
    held = getattr(fetcher, "_records", None)
    if isinstance(held, dict) and not isinstance(held, _Results):
        fetcher._records = _Results(held, is_ours)  # noqa: SLF001 - what this module is for
