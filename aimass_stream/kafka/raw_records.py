"""Records as the client's compiled decoder gives them, without an object of Python around each.

aiokafka turns every compiled record into a `ConsumerRecord`, which costs more than decoding it.
Both have the attributes that a chunk's columns are made of, so for our partitions the compiled
ones are passed through. This reaches into the client's fetcher: its results are kept in a
mapping that readies each as it arrives. Where a release of the client no longer has what is
reached for, records come as `ConsumerRecord`s and everything works as before, only slower;
`tests/kafka/test_raw_records.py` says when that is so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class _Results(dict[Any, Any]):
    """A fetcher's results by partition."""

    def __init__(self, held: dict[Any, Any], is_raw: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_raw = is_raw
        for tp, result in held.items():
            self[tp] = result

    def __setitem__(self, tp: Any, result: Any) -> None:
        records = getattr(result, "_partition_records", None)
        if records is not None and self._is_raw(tp.topic):
            records._consumer_record = _as_it_is  # noqa: SLF001 - what this module is for
        super().__setitem__(tp, result)


def _as_it_is(tp: object, record: Any) -> Any:
    del tp
    return record


def pass_raw_records(fetcher: Any, is_raw: Callable[[str], bool]) -> None:
    """Have a fetcher of aiokafka give compiled records; calling it again changes nothing.

    Args:
        fetcher: of the consumer; call this in the consumer's thread.
        is_raw: whether the records of a topic are wanted so.
    """
    held = getattr(fetcher, "_records", None)
    if isinstance(held, dict) and not isinstance(held, _Results):
        fetcher._records = _Results(held, is_raw)  # noqa: SLF001 - what this module is for
