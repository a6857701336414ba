"""The aiokafka consumer behind Faust's, as the engine uses it.

It lives in the loop of Faust's consumer thread, and Faust reaches it through a queue of calls
there, behind which commits would wait. The engine's calls go to that loop beside the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers.aiokafka import ensure_aiokafka_TP
from faust.types.tuples import TP

from aimass_stream.kafka.fetched_chunks import fetch_chunks
from aimass_stream.kafka.ledger import Standing

T = TypeVar("T")

FETCH_RECORDS = 1024
"""One fetch hands over this many at the most: without a bound it was seen to be 36,000."""


class Client:
    """Calls to the client, awaited on the worker's loop and done in the consumer thread's.

    Args:
        thread: Faust's consumer thread, running when the first call is made.
    """

    def __init__(self, thread: Any) -> None:
        self._thread = thread

    @property
    def member_id(self) -> str:
        """What the group calls this member."""
        found: str = self._consumer._coordinator.member_id  # noqa: SLF001 - it has no other door
        return found

    async def fetch(
        self, wanted: set[TP], timeout_s: float, reads: Callable[[str], bool]
    ) -> Mapping[Any, Any]:
        """Records of partitions: whole chunks, or aiokafka's own where those cannot be had.

        Args:
            wanted: at least one; none would mean all to aiokafka.
            timeout_s: to wait for the first.
            reads: whether a topic's records are wanted in chunks.
        """
        return await self._in_thread(self._fetch(wanted, timeout_s, reads))

    async def seek(self, positions: Mapping[TP, int]) -> None:
        """Go on from these offsets, with those partitions that are assigned."""
        await self._in_thread(self._seek(positions))

    async def find_positions(
        self, known: Mapping[TP, Standing], owns: Callable[[TP], bool]
    ) -> tuple[dict[TP, int], dict[TP, Standing]]:
        """Seek every partition; where those of Faust and ours stand.

        In one coroutine of the thread, so that no fetch comes between.

        Args:
            known: where ours stand that were open before; the others begin at what is committed.
            owns: whether a partition is ours.
        """
        return await self._in_thread(self._find_positions(known, owns))

    async def commit(self, standings: Mapping[TP, Standing]) -> None:
        """Commit offsets and what is noted beside them.

        Raises:
            KafkaError: the broker does not take it.
        """
        await self._in_thread(self._commit(standings))

    async def end_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Where partitions end on the broker now.

        Raises:
            KafkaError: the broker does not answer.
        """
        wanted = [ensure_aiokafka_TP(tp) for tp in tps]
        ends = await self._in_thread(self._consumer.end_offsets(wanted))
        return {TP(tp.topic, tp.partition): int(end) for tp, end in ends.items()}

    @property
    def _consumer(self) -> Any:
        return self._thread._ensure_consumer()  # noqa: SLF001 - Faust has no public door to it

    def _in_thread(self, call: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Run a coroutine in the consumer thread's loop, beside its method queue."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call, self._thread.thread_loop))

    async def _fetch(
        self, wanted: set[TP], timeout_s: float, reads: Callable[[str], bool]
    ) -> Mapping[Any, Any]:
        consumer = self._consumer
        fetch_chunks(consumer._fetcher, reads)  # noqa: SLF001 - it has no other door
        # The supported call goes through the queue.
        records: Mapping[Any, Any] = await self._thread._fetch_records(  # noqa: SLF001 - as above
            consumer, wanted, timeout=timeout_s, max_records=FETCH_RECORDS
        )
        return records

    async def _seek(self, positions: Mapping[TP, int]) -> None:
        consumer = self._consumer
        assigned = consumer.assignment()
        for tp, position in positions.items():
            if ensure_aiokafka_TP(tp) in assigned:
                consumer.seek(ensure_aiokafka_TP(tp), position)

    async def _find_positions(
        self, known: Mapping[TP, Standing], owns: Callable[[TP], bool]
    ) -> tuple[dict[TP, int], dict[TP, Standing]]:
        consumer = self._consumer
        assigned = {TP(tp.topic, tp.partition): tp for tp in consumer.assignment()}
        theirs = [place for tp, place in assigned.items() if not owns(tp)]
        plain: dict[TP, int] = {}
        if theirs:
            committed = await consumer.seek_to_committed(*theirs)
            plain = {TP(tp.topic, tp.partition): at for tp, at in committed.items()}
        ours: dict[TP, Standing] = {}
        for tp, place in assigned.items():
            if owns(tp):
                ours[tp] = known.get(tp) or await _first_standing(consumer, place)
                consumer.seek(place, ours[tp].offset)
        return plain, ours

    async def _commit(self, standings: Mapping[TP, Standing]) -> None:
        await self._consumer.commit(
            {
                ensure_aiokafka_TP(tp): OffsetAndMetadata(at.offset, at.note)
                for tp, at in standings.items()
            }
        )


async def _first_standing(consumer: Any, tp: Any) -> Standing:
    """Committed, or the beginning; the client itself does not seek for 0 and None."""
    # What is committed beside an offset has no other door.
    committed = (await consumer._coordinator.fetch_committed_offsets([tp])).get(tp)  # noqa: SLF001 - as above
    if committed is not None and committed.offset >= 0:
        return Standing.read(committed.offset, committed.metadata)
    beginnings = await consumer.beginning_offsets([tp])
    return Standing(int(beginnings[tp]))
