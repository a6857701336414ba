"""How the engine sits inside Faust: a second drain loop beside Faust's own.

The engine's topics join Faust's conductor for subscription only. Their records are fetched by a
loop of our own into the intake's feeds and committed from its ledgers; Faust's loop keeps
serving changelogs, reply topics and plain agents, and never sees our partitions. No Faust
stream, message or ack is involved, so nothing is acked by an exception and nothing is committed
past unfinished work.

Every method that overrides one of Faust's says why. Two rules hold the whole together:

* after any fetch that may have been thrown away, seek to the ledger's position before the next;
* everything that touches the aiokafka consumer runs in its own thread's loop: see `client`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP
from mode import Service

from aimass_stream.kafka.checksums import sum_by_instruction
from aimass_stream.kafka.client import Client
from aimass_stream.kafka.columns import chunk_of
from aimass_stream.kafka.intake import Intake
from aimass_stream.kafka.ledger import Standing
from aimass_stream.kafka.producer import Producer
from aimass_stream.kafka.record_batches import read_odd_names
from aimass_stream.records import Chunk

FETCH_WAIT_S = 1.0
FETCH_WAIT_FULL_S = 0.05
"""While a feed is full and left out, fetch again soon: it may have room by then."""
COMMIT_WAIT_S = 5.0
GRACE_S = 2.0
"""How long a rebalance or a stop waits for bodies to finish what they hold."""


class Consumer(driver.Consumer):
    """Faust's consumer with the engine's drain loop beside its own."""

    _intake_loop: asyncio.Task[None] | None = None
    _commit_lock: asyncio.Lock

    @property
    def intake(self) -> Intake:
        """The app's feeds."""
        return cast(Intake, cast(Any, self.app).intake)

    @property
    def client(self) -> Client:
        """The consumer underneath."""
        return Client(self._thread)

    def on_init(self) -> None:
        """Prepare what `force_commit` and the fetcher need before the first start."""
        super().on_init()
        read_odd_names()
        sum_by_instruction()
        self._commit_lock = asyncio.Lock()

    # -- fetching ------------------------------------------------------------------------

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP]]:  # noqa: ASYNC109 - Faust's
        """Faust's loop fetches what is not ours.

        A copy of the set, because an empty or shrinking one would mean all partitions to
        aiokafka.
        """
        if not self.flow_active:
            await self._wait_for_flow()
        plain = {tp for tp in self._get_active_partitions() if not self.intake.owns(tp)}
        if not plain:
            await self.sleep(timeout)
            return {}, plain
        return await self._getmany(active_partitions=plain, timeout=timeout), plain

    async def _wait_for_flow(self) -> None:
        await self.wait(self.can_resume_flow.wait())

    async def _drain_messages(self, fetcher: Any) -> None:
        """Run our loop for as long as Faust runs its own."""
        loop = self._intake_loop = asyncio.create_task(self._drain_intake())
        loop.add_done_callback(self._note_drain_end)
        try:
            await super()._drain_messages(fetcher)
        finally:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)
            self.intake.doubt()

    def _note_drain_end(self, loop: asyncio.Task[None]) -> None:
        if loop.cancelled() or (error := loop.exception()) is None:
            return
        if not (self.should_stop or isinstance(error, self.consumer_stopped_errors)):
            self._end_worker(error)

    async def _drain_intake(self) -> None:
        while not self.should_stop:
            if not self.flow_active:
                await self._wait_for_flow()
                continue
            self.intake.room.clear()
            ours = {tp for tp in self._get_active_partitions() if tp in self.intake.feeds}
            wanted = self.intake.wanted(ours)
            if not wanted:
                await self._wait_for_room()
                continue
            await self._fetch_into_feeds(
                wanted, FETCH_WAIT_S if wanted == ours else FETCH_WAIT_FULL_S
            )

    async def _wait_for_room(self) -> None:
        try:
            await asyncio.wait_for(self.intake.room.wait(), FETCH_WAIT_S)
        except TimeoutError:
            return

    async def _fetch_into_feeds(self, wanted: set[TP], timeout_s: float) -> None:
        """One fetch; thrown away, and doubted, when the group changed meanwhile."""
        generation = self.app.consumer_generation_id
        fetched = False
        try:
            await self._seek_doubtful()
            records = await self.client.fetch(wanted, timeout_s, self.intake.reads)
            fetched = self.flow_active and generation == self.app.consumer_generation_id
        finally:
            if not fetched:
                self.intake.doubt(wanted)
        if fetched:
            self._feed(records)

    def _feed(self, records: Mapping[TP, Any]) -> None:
        for partition, fetched in records.items():
            tp = TP(partition.topic, partition.partition)
            feed = self.intake.feeds.get(tp)
            if feed is None or not fetched:
                continue
            feed.highwater = self.highwater(tp) or 0
            feed.take(fetched if isinstance(fetched, Chunk) else chunk_of(tp, fetched))

    async def _seek_doubtful(self) -> None:
        positions = self.intake.doubtful()
        if positions:
            await self.client.seek(positions)
            self.intake.trust(positions)

    # -- positions -----------------------------------------------------------------------

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Ours go to their ledger's position, the others to what is committed.

        Feeds of new partitions begin here; bodies do not, since Faust also calls this inside a
        revoke.
        """
        known = {tp: Standing(feed.ledger.position) for tp, feed in self.intake.feeds.items()}
        plain, ours = await self.client.find_positions(known, self.intake.owns)
        generation = self.app.consumer_generation_id
        for tp, standing in ours.items():
            if tp not in self.intake.feeds:
                self.intake.open(tp, standing, generation)
        return {**plain, **{tp: standing.offset for tp, standing in ours.items()}}

    # -- flow and rebalance --------------------------------------------------------------

    def resume_flow(self) -> None:
        """Bodies go on too, unless this is table recovery, when ours are still paused."""
        super().resume_flow()
        if any(tp in self._get_active_partitions() for tp in self.intake.feeds):
            self.intake.thaw()

    def stop_flow(self) -> None:
        """Bodies take no more records."""
        super().stop_flow()
        self.intake.freeze()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Keep the feeds nobody else can have owned, end the rest, before Faust goes on."""
        cast(Any, self.app).membership.note(self.app.conf.id, self.client.member_id)
        await self.intake.keep(assigned, generation_id)
        await super().on_partitions_assigned(assigned, generation_id)

    async def wait_empty(self) -> None:
        """Let bodies finish what they hold, commit it, then wait for Faust's own streams.

        Both waits are bounded: Faust's own swallows a cancellation, so it runs as a task.
        """
        self.intake.freeze()
        if not await self.intake.settle(GRACE_S):
            self.log.warning(
                "agents still busy after %.0f s; their records will be read again", GRACE_S
            )
        with contextlib.suppress(TimeoutError):
            # A broker that is away would hold up the end of the worker.
            await asyncio.wait_for(self._commit_intake(), COMMIT_WAIT_S)
        waiting = asyncio.create_task(super().wait_empty())
        done, _ = await asyncio.wait({waiting}, timeout=GRACE_S)
        if not done:
            self._unacked_messages.clear()
            waiting.cancel()
        if self.should_stop or self.app.should_stop:
            unfinished = self.intake.unfinished()
            if unfinished:
                cast(Any, self.app).note_unfinished(unfinished)
            await self.intake.close()

    # -- committing ----------------------------------------------------------------------

    @Service.task
    async def _commit_intake_periodically(self) -> None:
        async for _ in self.itertimer(self.commit_interval, name="commit_intake"):
            if not self.app.rebalancing:
                await self._commit_intake()

    async def _commit_intake(self) -> None:
        """Commit what the ledgers allow; a refusal is tried again by the next one."""
        async with self._commit_lock:
            done = self.intake.committable()
            if not done:
                return
            assigned = self.assignment()
            standings = {tp: at for tp, at in done.items() if tp in assigned}
            if not standings:
                return
            if await self._is_accepted(standings):
                self.intake.note_committed(standings)

    async def _is_accepted(self, standings: Mapping[TP, Standing]) -> bool:
        """Whether the broker took the commit; Faust's own would end the worker if not."""
        try:
            await self.client.commit(standings)
        except KafkaError as error:
            self.log.info("commit refused, trying again: %r", error)
            return False
        return True

    # -- health --------------------------------------------------------------------------

    @property
    def active(self) -> set[TP]:
        """Partitions that are fetched: ours, without those that Faust holds back."""
        # Faust's getter would settle what is active, which is not for an onlooker to do.
        return set(self._active_partitions or ()) if self.flow_active else set()

    async def end_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Where partitions end on the broker now; what a fetch last said may be long ago.

        Raises:
            KafkaError: the broker does not answer.
        """
        return await self.client.end_offsets(tps)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust would report our partitions as streams that stand still."""
        if not self.intake.owns(tp):
            super().verify_event_path(now, tp)

    def _end_worker(self, error: BaseException) -> None:
        cast(Callable[[BaseException], None], cast(Any, self.app).end_worker)(error)


class Transport(driver.Transport):
    """Faust's transport with the engine's consumer and producer."""

    Consumer = Consumer
    Producer = Producer
