"""How a worker is: whether it lives, whether it is ready, and how far behind it is.

Looks once a second. A partition that stands still although nothing holds it up ends the worker
with exit code 75, so that whoever watches over it starts it again: a body that never returns, a
fetch that died, a client that does not find back to a broker which is there for everybody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types.tuples import TP

from aimass_stream import metrics
from aimass_stream.errors import StalledError
from aimass_stream.kafka.assignment import Assignment
from aimass_stream.kafka.intake import Feed, Intake
from aimass_stream.kafka.progress import Look, ProgressWatch
from aimass_stream.kafka.transport import Consumer
from aimass_stream.runtime.learning import Learning
from aimass_stream.runtime.models import Models
from aimass_stream.runtime.usage import Want

log = logging.getLogger("aimass_stream.worker")

LOOK_S = 1.0
ASK_TIMEOUT_S = 5.0
CONFIRM_TIMEOUT_S = 20.0
READ_TIMEOUT_MS = 5_000


class Worker(Protocol):
    """What is looked at: the app of this worker."""

    end_reason: BaseException | None

    @property
    def intake(self) -> Intake:
        """The engine's feeds."""
        ...

    @property
    def models(self) -> Models:
        """Its models."""
        ...

    @property
    def learning(self) -> Learning:
        """Its learners."""
        ...

    @property
    def should_stop(self) -> bool:
        """Whether it has been told to end."""
        ...

    @property
    def rebalancing(self) -> bool:
        """Whether the group is giving out partitions anew."""
        ...

    @property
    def unassigned(self) -> bool:
        """Whether the group has more members than partitions, and this one has none."""
        ...

    @property
    def unfilled(self) -> int:
        """Records that its tables have yet to read; 0 where none is being filled."""
        ...

    @property
    def kafka(self) -> Consumer:
        """Its consumer."""
        ...


@dataclass(frozen=True, slots=True)
class Standstill:
    """A feed that stood still, for the message."""

    tp: TP
    feed: Feed
    behind: int

    def __str__(self) -> str:
        ledger = self.feed.ledger
        if self.feed.is_waiting:
            held_by = "nothing was fetched or delivered"
        else:
            busy = [run.agent.name for run in self.feed.runs if not run.stream.is_idle]
            held_by = f"agent {', '.join(busy)} does not come back"
        return (
            f"{self.tp.topic}/{self.tp.partition} stands still at offset {ledger.watermark}, "
            f"{self.behind} records behind: {held_by}"
        )


class HealthWatch:
    """Looks at a worker for as long as it runs. Lives on its event loop.

    Args:
        worker: what is looked at.
        client: the settings of an aiokafka client, asked for when one is made.
        assignment: what is told while it has no partitions.
        stall_s: seconds a partition may stand still, beyond the longest timeout of a model.
        on_stall: told the error that ends the worker.
    """

    def __init__(
        self,
        worker: Worker,
        client: Callable[[], Mapping[str, Any]],
        assignment: Assignment,
        stall_s: float,
        on_stall: Callable[[BaseException], None],
    ) -> None:
        self._worker = worker
        self._client = client
        self._assignment = assignment
        self._stall_s = stall_s
        self._on_stall = on_stall
        self._progress = ProgressWatch[TP](stall_s)
        self._ends: dict[TP, int] = {}
        self._shown: set[TP] = set()
        self._learning_calls = 0
        self._stall: StalledError | None = None
        self._broker_problems: list[str] = []

    # -- pages ---------------------------------------------------------------------------

    @property
    def live_problems(self) -> list[str]:
        """Why this worker should be started again; empty while it should not."""
        return [] if self._stall is None else [str(self._stall)]

    @property
    def ready_problems(self) -> list[str]:
        """Why this worker answers no records now; empty while it does."""
        worker = self._worker
        problems = []
        if worker.end_reason is not None:
            problems.append(f"the worker ends: {str(worker.end_reason).partition(chr(10))[0]}")
        elif worker.should_stop:
            problems.append("the worker drains, since it was told to end")
        elif self._is_held and not worker.unassigned:
            problems.append(self._assignment.reason(worker.unfilled))
        return [
            *problems,
            *worker.models.troubles,
            *worker.learning.troubles,
            *worker.learning.unsaved.values(),
            *self._broker_problems,
        ]

    def why_idle(self) -> Want:
        """Why no record comes to the device of this worker now."""
        if self._broker_problems:
            return Want.BROKER
        return Want.REBALANCE if self._is_held else self._worker.intake.why_idle()

    # -- looking -------------------------------------------------------------------------

    async def run(self) -> None:
        """Look for as long as the task lives."""
        asking = asyncio.create_task(self._ask_periodically())
        loop = asyncio.get_running_loop()
        last_s = loop.time()
        try:
            while not self._worker.should_stop:
                await asyncio.sleep(LOOK_S)
                now_s = loop.time()
                self._assignment.look(is_under_way=self._is_held)
                self._show()
                self._worker.models.look()
                for tp in self._look(now_s - last_s):
                    await self._suspect(tp)
                last_s = now_s
        finally:
            asking.cancel()

    def _look(self, step_s: float) -> list[TP]:
        worker = self._worker
        is_held = self._is_held
        active, engine_works = worker.kafka.active, self._engine_works()
        looks = {
            tp: Look(
                feed.ledger.done,
                not feed.ledger.settled or self._behind(tp, feed) > 0,
                is_held or tp not in active or (engine_works and feed.is_waiting),
            )
            for tp, feed in worker.intake.feeds.items()
        }
        return self._progress.look(looks, step_s, worker.models.longest_timeout_s)

    @property
    def _is_held(self) -> bool:
        """Before the first assignment, in a rebalance, while tables recover."""
        return self._worker.rebalancing or self._worker.intake.is_frozen

    def _engine_works(self) -> bool:
        """Whether records may wait for the engine itself, whose parts have watchdogs."""
        models, learning = self._worker.models, self._worker.learning
        calls, self._learning_calls = self._learning_calls, learning.answered_calls
        return (
            calls != self._learning_calls
            or models.is_isolating
            or bool(models.troubles)
            or bool(learning.troubles)
        )

    def _behind(self, tp: TP, feed: Feed) -> int:
        return max(0, self._ends.get(tp, 0) - feed.ledger.watermark)

    async def _suspect(self, tp: TP) -> None:
        """End the worker over a partition, unless others cannot reach its records either."""
        worker = self._worker
        feed = worker.intake.feeds.get(tp)
        if feed is None:
            return
        confirmed = await self._confirm(tp, feed.ledger.watermark)
        if not confirmed or worker.intake.feeds.get(tp) is not feed or worker.should_stop:
            self._progress.forgive(tp)
            return
        text = str(Standstill(tp, feed, self._behind(tp, feed)))
        self._stall = StalledError(
            f"{text}. No progress for {self._stall_s:.0f} s (AIMASS_STALL_S), so this worker ends "
            "with 75 to be started again; what is unfinished will be read again."
        )
        self._on_stall(self._stall)

    async def _confirm(self, tp: TP, position: int) -> bool:
        """Whether a client that has just come is handed a record from there on.

        Offsets alone do not tell: a log may end with markers that nobody is handed.
        """
        reading = asyncio.create_task(self._read_one(tp, position))
        done, _ = await asyncio.wait({reading}, timeout=CONFIRM_TIMEOUT_S)
        if not done:
            reading.cancel()
            return False
        return not reading.cancelled() and reading.exception() is None and reading.result()

    async def _read_one(self, tp: TP, position: int) -> bool:
        consumer = AIOKafkaConsumer(**self._client(), enable_auto_commit=False)
        try:
            await consumer.start()
            partition = TopicPartition(tp.topic, tp.partition)
            consumer.assign([partition])
            consumer.seek(partition, position)
            found = await consumer.getmany(partition, timeout_ms=READ_TIMEOUT_MS, max_records=1)
            return bool(found)
        finally:
            await consumer.stop()

    # -- lag and buffers -----------------------------------------------------------------

    async def _ask_periodically(self) -> None:
        """Ask where partitions end; a broker that does not say is away."""
        loop, away_since_s = asyncio.get_running_loop(), None
        while True:
            tps = list(self._worker.intake.feeds)
            try:
                if tps:
                    async with asyncio.timeout(ASK_TIMEOUT_S):
                        self._ends = await self._worker.kafka.end_offsets(tps)
                away_since_s = None
                self._broker_problems = []
            except (KafkaError, TimeoutError) as error:
                now_s = loop.time()
                away_since_s = now_s if away_since_s is None else away_since_s
                self._broker_problems = [
                    f"Kafka has not answered for {now_s - away_since_s + ASK_TIMEOUT_S:.0f} s "
                    f"({type(error).__name__}); records wait until it does"
                ]
                for tp in tps:
                    self._progress.forgive(tp)
            await asyncio.sleep(LOOK_S)

    def _show(self) -> None:
        feeds = self._worker.intake.feeds
        for tp, feed in feeds.items():
            metrics.LAG_RECORDS.labels(*tp).set(self._behind(tp, feed))
            metrics.BUFFERED_BYTES.labels(*tp).set(feed.held_bytes)
        for tp in self._shown - feeds.keys():
            metrics.LAG_RECORDS.remove(*tp)
            metrics.BUFFERED_BYTES.remove(*tp)
        self._shown = set(feeds)
