"""Chunks straight from the client's compiled decoder, without an object of Python for each record.

aiokafka turns every compiled record into a `ConsumerRecord`, which costs more than decoding it,
and gathers them in a list. For our partitions the compiled records go into columns as they are
decoded. This reaches into the client's fetcher: its results are kept in a mapping that readies
each as it arrives. Where a release of the client no longer has what is reached for, a fetch gives
lists of `ConsumerRecord`s and everything works as before, only slower;
`tests/kafka/test_fetched_chunks.py` says when that is so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any
from weakref import proxy

from faust.types.tuples import TP

from aimass_stream.kafka.intake import chunk_of
from aimass_stream.records import Chunk

_REACHED_FOR = ("_update_position", "check_assignment", "has_more", "getall")


class _Results(dict[Any, Any]):
    """A fetcher's results by partition."""

    def __init__(self, held: dict[Any, Any], is_ours: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_ours = is_ours
        for tp, result in held.items():
            self[tp] = result

    def __setitem__(self, tp: Any, result: Any) -> None:
        records: Any = getattr(result, "_partition_records", None)
        is_known = all(hasattr(result, name) for name in _REACHED_FOR)
        if records is not None and is_known and self._is_ours(tp.topic):
            records._consumer_record = _as_it_is  # noqa: SLF001 - what this module is for
            # A proxy, since a result that holds itself would keep its megabyte for long.
            result.getall = partial(_take_chunk, proxy(result), TP(tp.topic, tp.partition))
        super().__setitem__(tp, result)


def _as_it_is(tp: object, record: Any) -> Any:
    del tp
    return record


def _take_chunk(result: Any, tp: TP, max_records: int | None = None) -> Chunk | Sequence[Any]:
    """What `FetchResult.getall` does, into columns."""
    if not result.check_assignment(tp) or not result.has_more():
        return ()
    chunk = chunk_of(tp, islice(result._partition_records, max_records))  # noqa: SLF001 - as above
    result._update_position()  # noqa: SLF001 - as above
    if max_records is None or len(chunk) < max_records:
        result._partition_records = None  # noqa: SLF001 - as above
    return chunk


def fetch_chunks(fetcher: Any, is_ours: Callable[[str], bool]) -> None:
    """Have a fetcher of aiokafka give a `Chunk` a partition; calling it again changes nothing.

    Args:
        fetcher: of the consumer; call this in the consumer's thread.
        is_ours: whether the records of a topic are wanted so.
    """
    held = getattr(fetcher, "_records", None)
    if isinstance(held, dict) and not isinstance(held, _Results):
        fetcher._records = _Results(held, is_ours)  # noqa: SLF001 - what this module is for
