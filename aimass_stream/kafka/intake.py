"""The engine's own queues beside Faust's streams: one feed per partition it owns.

The consumer's second drain loop fills the feeds; agents' runs empty them; the ledger of a feed
says what may be committed. Nothing here talks to the broker, and everything runs on the
worker's event loop.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from faust.types.tuples import TP

from aimass_stream.kafka.agent_run import AgentRun
from aimass_stream.kafka.delivery import Outlet
from aimass_stream.kafka.ledger import Ledger, Standing
from aimass_stream.kafka.letter_log import LetterLog
from aimass_stream.kafka.outcome_metrics import OutcomeMetrics
from aimass_stream.records import Chunk, Limits
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.failure_limit import FailureLimit
from aimass_stream.runtime.handover import Unit, Work
from aimass_stream.runtime.usage import Want

log = logging.getLogger("aimass.intake")

RECORD_BYTES = 512
"""What a record weighs beside its value: the objects around it."""


@dataclass(slots=True)
class Feed:
    """One partition while this worker owns it.

    Attributes:
        generation: the group generation in which it was last known to be ours.
        highwater: end of the partition when last fetched, for the lag.
    """

    tp: TP
    ledger: Ledger
    generation: int
    runs: list[AgentRun] = field(default_factory=list)
    held: deque[tuple[int, int]] = field(default_factory=deque)
    held_bytes: int = 0
    highwater: int = 0

    def take(self, chunk: Chunk) -> None:
        """Append the records that lie at or after the ledger's position."""
        repeats = bisect_left(chunk.offsets, self.ledger.position)
        if repeats:
            chunk = chunk.rows(repeats, len(chunk))
        if not len(chunk):
            return
        first_ordinal = self.ledger.accept(list(chunk.offsets))
        weight = chunk.size_bytes + RECORD_BYTES * len(chunk)
        self.held.append((first_ordinal + len(chunk), weight))
        self.held_bytes += weight
        for run in self.runs:
            run.stream.lag = max(0, self.highwater - self.ledger.position)
            self._hand_on(run, chunk, first_ordinal)
        self.release()

    def _hand_on(self, run: AgentRun, chunk: Chunk, first_ordinal: int) -> None:
        """Give an agent what it has not done, under this or an earlier owner."""
        agent, offsets = run.agent.name, chunk.offsets
        done_rows = bisect_left(offsets, self.ledger.done_before(agent))
        if done_rows:
            end = first_ordinal + done_rows
            self.ledger.report(agent, first_ordinal, end, offsets[done_rows - 1] + 1)
        if done_rows < len(chunk):
            run.put(Work(chunk, first_ordinal, done_rows))

    def report(self, agent: str, unit: Unit) -> None:
        """Tell the ledger that the outcome of a unit of this partition is on the broker."""
        work = unit.work
        self.ledger.report(
            agent,
            work.first_ordinal + unit.first_row,
            work.first_ordinal + unit.end_row,
            work.chunk.offsets[unit.end_row - 1] + 1,
        )

    @property
    def is_waiting(self) -> bool:
        """Whether no agent has a record in its hands: all wait for the engine."""
        return all(run.stream.is_idle for run in self.runs)

    def release(self) -> None:
        """Let go of the bytes of chunks that every agent is done with."""
        while self.held and self.held[0][0] <= self.ledger.done:
            _, weight = self.held.popleft()
            self.held_bytes -= weight


class Intake:
    """The feeds of a worker.

    Args:
        limits: bounds for records that no model checks.
        make_limit: makes the limit of an agent's failures, given its name.
        buffer_bytes: bytes that all feeds hold together; one that holds more than an equal part
            is left out of fetches.
        on_error: called with whatever ends an agent's run; the worker must stop.

    Attributes:
        feeds: of the partitions this worker owns.
        is_frozen: bodies take no records: before the first assignment, in a rebalance, while
            tables recover, at the end.
        room: set when a feed that was full has room again.
    """

    def __init__(
        self,
        limits: Limits,
        make_limit: Callable[[str], FailureLimit],
        buffer_bytes: int,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._agents: dict[str, list[Agent]] = {}
        self._outlet: Outlet | None = None
        self._limits = limits
        self._make_limit = make_limit
        self._failure_limits: dict[str, FailureLimit] = {}
        self._metrics: dict[str, OutcomeMetrics] = {}
        self._buffer_bytes = buffer_bytes
        self._on_error = on_error
        self._letters = LetterLog()
        self.is_frozen = True
        self.feeds: dict[TP, Feed] = {}
        self.room = asyncio.Event()

    def serve(self, agents: Iterable[Agent], outlet: Outlet) -> None:
        """Say which agents there are and where their outputs go; once, before any feed."""
        for agent in agents:
            self._agents.setdefault(agent.topic.name, []).append(agent)
            self._failure_limits[agent.name] = self._make_limit(agent.name)
            self._metrics[agent.name] = OutcomeMetrics(agent.name)
        self._outlet = outlet

    def owns(self, tp: TP) -> bool:
        """Whether the partition's topic is the engine's rather than Faust's."""
        return self.reads(tp.topic)

    def reads(self, topic: str) -> bool:
        """Whether an agent of the engine reads the topic."""
        return topic in self._agents

    @property
    def topics(self) -> list[str]:
        """Topics the engine reads."""
        return list(self._agents)

    def open(self, tp: TP, standing: Standing, generation: int) -> None:
        """Begin a feed where the group stands; its runs start with the next `thaw`."""
        if self._outlet is None:
            raise RuntimeError("serve() comes before the first feed")
        agents, outlet = self._agents[tp.topic], self._outlet
        ledger = Ledger(standing, [agent.name for agent in agents])
        feed = Feed(tp, ledger, generation)
        feed.runs = [
            AgentRun(
                agent,
                outlet,
                self._limits,
                self._failure_limits[agent.name],
                partial(self._note_settled, feed, agent.name),
                self._on_error,
                partial(self._has_room, feed),
            )
            for agent in agents
        ]
        self.feeds[tp] = feed
        if not self.is_frozen:
            self._start(feed)

    def wanted(self, active: Iterable[TP]) -> set[TP]:
        """Which of the active partitions have room for another fetch."""
        return {
            tp for tp in active if (feed := self.feeds.get(tp)) is not None and self._has_room(feed)
        }

    def _has_room(self, feed: Feed) -> bool:
        return feed.held_bytes < self._part_bytes

    @property
    def _part_bytes(self) -> int:
        """What one feed may hold, so that a worker's memory does not grow with its partitions."""
        return max(1, self._buffer_bytes // max(1, len(self.feeds)))

    def doubtful(self) -> dict[TP, int]:
        """Where to seek before the next fetch: positions that may not be the client's."""
        return {tp: feed.ledger.position for tp, feed in self.feeds.items() if feed.ledger.doubtful}

    def doubt(self, tps: Iterable[TP] | None = None) -> None:
        """A fetch of these partitions (all, if None) may have been thrown away."""
        for tp in self.feeds if tps is None else tps:
            if (feed := self.feeds.get(tp)) is not None:
                feed.ledger.doubtful = True

    def trust(self, positions: Mapping[TP, int]) -> None:
        """These seeks were made; a hole after them is a hole of the log."""
        for tp, position in positions.items():
            feed = self.feeds.get(tp)
            if feed is not None and feed.ledger.position == position:
                feed.ledger.doubtful = False

    def thaw(self) -> None:
        """Let bodies take records."""
        if self.is_frozen:
            log.info("agents read %d partitions", len(self.feeds))
        self.is_frozen = False
        for feed in self.feeds.values():
            self._start(feed)

    def freeze(self) -> None:
        """Let no body take another record."""
        self.is_frozen = True
        for feed in self.feeds.values():
            for run in feed.runs:
                run.freeze()

    async def settle(self, timeout_s: float) -> bool:
        """Wait for frozen bodies to finish what they hold.

        Returns:
            Whether none holds a record any more. One that is late for something else, as for a
            database before its first record, holds none.
        """
        runs = [run for feed in self.feeds.values() for run in feed.runs]
        if not runs:
            return True
        tasks = {asyncio.create_task(run.settle()): run for run in runs}
        _, late = await asyncio.wait(tasks, timeout=timeout_s)
        for task in late:
            task.cancel()
        return not any(tasks[task].holds_records for task in late)

    async def keep(self, assigned: Iterable[TP], generation: int) -> None:
        """Keep the feeds that nobody else can have owned meanwhile; end the others."""
        kept = set(assigned)
        lost = []
        for tp, feed in list(self.feeds.items()):
            if tp in kept and generation == feed.generation + 1:
                feed.generation = generation
                feed.ledger.doubtful = True
            else:
                lost.append(self.feeds.pop(tp))
        await self._end(lost)

    async def close(self) -> None:
        """End every feed."""
        feeds = list(self.feeds.values())
        self.feeds.clear()
        await self._end(feeds)
        self._letters.close()

    def why_idle(self) -> Want:
        """Why no record comes to a device now, as far as feeds can tell."""
        runs = [
            (feed, run)
            for feed in self.feeds.values()
            for run in feed.runs
            if run.stream.reads_ahead
        ]
        if any(run.waits_for_broker for _, run in runs):
            return Want.BROKER
        if any(run.stream.is_behind for _, run in runs):
            return Want.AGENT
        if any(feed.highwater > feed.ledger.position for feed, _ in runs):
            return Want.FETCH
        return Want.NOTHING_TO_DO

    def committable(self) -> dict[TP, Standing]:
        """What may be committed and is not yet."""
        return {
            tp: standing
            for tp, feed in self.feeds.items()
            if (standing := feed.ledger.standing) != feed.ledger.committed
        }

    def unfinished(self) -> dict[TP, int]:
        """Partitions with work that is done and could not be delivered or committed.

        With each the offset from which it will be read again.
        """
        committable = self.committable()
        return {
            tp: feed.ledger.committed.offset
            for tp, feed in self.feeds.items()
            if tp in committable or any(run.is_delivering for run in feed.runs)
        }

    def note_committed(self, standings: Mapping[TP, Standing]) -> None:
        """These are committed on the broker."""
        for tp, standing in standings.items():
            if (feed := self.feeds.get(tp)) is not None:
                feed.ledger.committed = standing

    def _start(self, feed: Feed) -> None:
        for run in feed.runs:
            run.start()

    def _note_settled(self, feed: Feed, agent: str, unit: Unit) -> None:
        feed.report(agent, unit)
        self._metrics[agent].settled(unit)
        if unit.failures:
            self._letters.note(agent, unit.failures)
        feed.release()
        if self._has_room(feed):
            self.room.set()

    @staticmethod
    async def _end(feeds: Iterable[Feed]) -> None:
        await asyncio.gather(*(run.cancel() for feed in feeds for run in feed.runs))
