"""From resolved rows to committable offsets: outputs, then outcomes, then the ledger.

One delivery per agent and partition takes units in order. What has gathered while the broker
was busy goes out together. Outputs and dead letters are on the broker before the outcomes
record that speaks of them, and that one before the ledger hears of it. Nobody waits for outcomes
but the commit, once a second, so they wait for company (`company.py`) and travel beside later
outputs: an answer costs one round trip, not two, and a stream of single records not an outcomes
record each.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aimass_stream.errors import ConfigError, LostOutcomeError, Reason, RecordError
from aimass_stream.kafka.answer_headers import header_blocks
from aimass_stream.kafka.company import Company
from aimass_stream.kafka.dead_letters import StorePayload, dead_letter, dead_letters_topic
from aimass_stream.kafka.messages import Message, Messages
from aimass_stream.kafka.outcomes import encode, join_adjacent, outcomes_of, outcomes_topic
from aimass_stream.kafka.outgoing import BATCH_BYTES, MAX_BATCH_BYTES, Outgoing
from aimass_stream.records.chunk import pick
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.handover import Failure, Unit

BACKLOG_BYTES = 8 * 1024 * 1024
BACKLOG_ROWS = 8192
ROW_BYTES = BACKLOG_BYTES // BACKLOG_ROWS
GROUP_UNITS = 64
IN_FLIGHT = 2
"""Deliveries at a time. The client sends the next request when an answer to the last one comes:
what is not ready by then waits for one more. With two there is no third to overtake the second."""
OUTCOME_BYTES = BACKLOG_BYTES // 8


Filed = defaultdict[tuple[str, int], Messages]
"""Messages by topic and partition."""


class Deliverer(Protocol):
    """Whatever puts messages on the broker and returns when they are there."""

    async def deliver(self, outgoing: Outgoing, before: asyncio.Future[None] | None = None) -> None:
        """Deliver messages, in order per partition and behind those of `before`."""
        ...


@dataclass(frozen=True, slots=True)
class Outlet:
    """What every delivery of a worker shares.

    Attributes:
        app_id: names the outcomes and dead letter topics.
        deliverer: the producer.
        store: keeps payloads too large for a dead letter.
        aligned: answer topics whose answers go to the source's partition number.
        answer_partition: the partition of another answer topic for a source partition and a key.
        system_partitions: partitions of the outcomes and dead letter topics.
        replayed: whether the records are dead letters that are answered anew.
        company: in which outcomes wait.
    """

    app_id: str
    deliverer: Deliverer
    store: StorePayload
    aligned: Container[str]
    answer_partition: Callable[[str, int, bytes | None], int]
    system_partitions: int
    replayed: bool = False
    company: Company = field(default_factory=Company)

    def place(self, topic: str, partition: int, key: bytes | None) -> int:
        """The partition of `topic` for what a record of a partition, under a key, is answered."""
        if topic in self.aligned:
            return partition
        return self.answer_partition(topic, partition, key)


class Delivery:
    """Delivers the units of one agent on one partition, in order.

    Args:
        agent: whose units these are.
        outlet: where to.
        report: called with each unit whose outcome is on the broker.
        on_backlog: called with True when the body should hand out nothing more, with False
            when it may again.
        has_room: whether more is read meanwhile; if not, outcomes wait for nothing.
    """

    def __init__(
        self,
        agent: Agent,
        outlet: Outlet,
        report: Callable[[Unit], None],
        on_backlog: Callable[[bool], None],
        has_room: Callable[[], bool],
    ) -> None:
        self._agent = agent
        self._outlet = outlet
        self._report = report
        self._on_backlog = on_backlog
        self._has_room = has_room
        self._units: deque[Unit] = deque()
        self._backlog_bytes = 0
        self._unspoken: list[Unit] = []
        self._unspoken_bytes = 0
        self._is_due = False
        self._is_draining = False
        self._may_be_under_way = IN_FLIGHT
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, unit: Unit) -> None:
        """Queue a unit; never blocks."""
        self._units.append(unit)
        self._backlog_bytes += self._weight(unit)
        if self._backlog_bytes > BACKLOG_BYTES:
            self._on_backlog(True)  # noqa: FBT003 - a callback with one state
        self._empty.clear()
        self._arrived.set()

    @property
    def is_empty(self) -> bool:
        """Whether everything queued is reported."""
        return self._empty.is_set()

    async def wait_empty(self) -> None:
        """Wait until everything queued is reported; nothing waits for company meanwhile."""
        if not self._empty.is_set():
            self._is_draining = True
            self._speak()
            await self._empty.wait()

    async def run(self) -> None:
        """Deliver for as long as the task lives.

        Raises:
            LostOutcomeError: the broker refuses a message for good.
        """
        under_way: deque[asyncio.Task[None]] = deque()
        try:
            while True:
                while under_way and (
                    under_way[0].done() or len(under_way) == self._may_be_under_way
                ):
                    await _first_done(under_way)
                if self._units or (self._is_due and self._unspoken):
                    before = under_way[-1] if under_way else None
                    under_way.append(await self._start(before))
                    continue
                if not under_way and not self._unspoken:
                    self._is_draining = False
                    self._empty.set()
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            self._outlet.company.leave(self._speak)
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _start(self, before: asyncio.Task[None] | None) -> asyncio.Task[None]:
        """Begin to deliver outputs of the next units and, where due, outcomes of those before."""
        units = [self._units.popleft() for _ in range(min(GROUP_UNITS, len(self._units)))]
        outgoing, spoken = Filed(Messages), self._take_unspoken()
        for unit in units:
            self._refuse_oversized(unit)
            if self._agent.to is not None and self._agent.to.compacted:
                self._refuse_keyless(unit)
            self._file_answers(unit, outgoing)
        if any(unit.failures for unit in units):
            await asyncio.to_thread(self._file_dead_letters, units, outgoing)
        self._file_outcomes(spoken, outgoing)
        # Of several batches for one place each waits for the one before: nothing may come between.
        is_small = all(messages.fits(BATCH_BYTES) for messages in outgoing.values())
        self._may_be_under_way = IN_FLIGHT if is_small else 1
        return asyncio.create_task(self._deliver(units, spoken, outgoing, before))

    async def _deliver(
        self,
        units: list[Unit],
        spoken: list[Unit],
        outgoing: Outgoing,
        before: asyncio.Task[None] | None,
    ) -> None:
        try:
            await self._outlet.deliverer.deliver(outgoing, before)
            self._note_unspoken(units)
            for unit in spoken:
                self._report(unit)
            self._backlog_bytes -= sum(map(self._weight, spoken))
            if spoken and self._backlog_bytes <= BACKLOG_BYTES // 2:
                self._on_backlog(False)  # noqa: FBT003 - a callback with one state
        except BaseException:
            self._arrived.set()
            raise
        if self._units or not self._unspoken or self._is_due or self._is_draining:
            # Else there is nothing to begin, and to look would cost a turn of the loop each time.
            self._arrived.set()

    def _take_unspoken(self) -> list[Unit]:
        if not (self._is_due and self._unspoken):
            return []
        units, self._unspoken, self._unspoken_bytes = self._unspoken, [], 0
        self._is_due = False
        return units

    def _note_unspoken(self, units: list[Unit]) -> None:
        if not units:
            return
        self._unspoken += units
        self._unspoken_bytes += sum(map(self._weight, units))
        is_large = self._unspoken_bytes >= OUTCOME_BYTES
        if is_large or self._is_draining or not self._has_room():
            self._speak()
        elif not self._is_due:
            self._outlet.company.join(self._speak)

    def _speak(self) -> None:
        """Have what is unspoken go out now."""
        self._outlet.company.leave(self._speak)
        self._is_due = True
        self._arrived.set()

    @staticmethod
    def _weight(unit: Unit) -> int:
        return unit.size_bytes + ROW_BYTES * (unit.end_row - unit.first_row)

    @staticmethod
    def _refuse_oversized(unit: Unit) -> None:
        """An answer no message can hold fails its record: the rest of the chunk goes on."""
        if unit.size_bytes <= MAX_BATCH_BYTES:
            return
        large = {
            row: Failure(row, answers.model, RecordError(Reason.TOO_LARGE, _size_detail(value)))
            for answers in unit.answers
            if max(map(len, answers.values), default=0) > MAX_BATCH_BYTES
            for row, value in zip(answers.rows, answers.values, strict=True)
            if len(value) > MAX_BATCH_BYTES
        }
        _refuse(unit, large)

    @staticmethod
    def _refuse_keyless(unit: Unit) -> None:
        """A compacted topic takes no answer without a key, and would refuse its neighbours too."""
        keys = unit.work.chunk.keys
        detail = "the record has no key, and its answers go to a compacted topic"
        keyless = {
            row: Failure(row, answers.model, RecordError(Reason.BAD_ENVELOPE, detail))
            for answers in unit.answers
            for row in answers.rows
            if keys[row] is None
        }
        _refuse(unit, keyless)

    def _file_answers(self, unit: Unit, outgoing: Filed) -> None:
        if not unit.answers:
            return
        to, chunk = self._agent.to, unit.work.chunk
        if to is None:
            raise ConfigError(
                f"agent {self._agent.name} yields, but nothing says where to: "
                "declare it with @app.agent(topic, to=answers)"
            )
        for answers in unit.answers:
            times = pick(chunk.timestamps_ms, answers.rows)
            keys = pick(chunk.keys, answers.rows)
            blocks = header_blocks(self._agent.name, chunk, answers)
            if to.name in self._outlet.aligned:
                outgoing[to.name, chunk.partition].extend(times, keys, answers.values, blocks)
                continue
            ats: dict[int, list[int]] = defaultdict(list)
            for at, key in enumerate(keys):
                ats[self._outlet.answer_partition(to.name, chunk.partition, key)].append(at)
            for partition, chosen in ats.items():
                outgoing[to.name, partition].extend(
                    pick(times, chosen),
                    pick(keys, chosen),
                    pick(answers.values, chosen),
                    pick(blocks, chosen),
                )

    def _file_dead_letters(self, units: list[Unit], outgoing: Filed) -> None:
        """On a thread, since a large payload goes to the payload store.

        Raises:
            LostOutcomeError: the store takes no more.
        """
        topic, outlet = dead_letters_topic(self._outlet.app_id), self._outlet
        for unit in units:
            chunk = unit.work.chunk
            for failure in unit.failures:
                try:
                    letter = dead_letter(self._agent.name, chunk, failure, outlet.store)
                except OSError as error:
                    raise LostOutcomeError(
                        f"{chunk.topic}/{chunk.partition}/{chunk.offsets[failure.row]} cannot be "
                        f"answered ({failure.error.reason}), and its payload of "
                        f"{len(chunk.values[failure.row] or b'')} bytes cannot be kept: {error}. "
                        "The worker ends with the record unread rather than lose it; give "
                        "<state>/payloads room, and it is read again at the next start."
                    ) from error
                partition = chunk.partition % outlet.system_partitions
                outgoing[topic, partition].append(letter)

    def _file_outcomes(self, units: list[Unit], outgoing: Filed) -> None:
        outlet, agent = self._outlet, self._agent.name
        each = (outcomes_of(agent, unit, replayed=outlet.replayed) for unit in units)
        for outcomes in join_adjacent(each):
            message: Message = (
                time.time_ns() // 1_000_000,
                f"{agent}/{outcomes.topic}/{outcomes.partition}".encode(),
                encode(outcomes),
                [],
            )
            partition = outcomes.partition % outlet.system_partitions
            outgoing[outcomes_topic(outlet.app_id), partition].append(message)


async def _first_done(under_way: deque[asyncio.Task[None]]) -> None:
    """Wait for the first of these and take it away; whatever ends in an error is not waited for.

    Raises:
        LostOutcomeError: the broker refused a message of any of them for good.
    """
    while not under_way[0].done():
        pending = [task for task in under_way if not task.done()]
        ended, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    under_way.popleft().result()


def _size_detail(value: bytes) -> str:
    return f"an output of {len(value)} bytes; a message holds {MAX_BATCH_BYTES}"


def _refuse(unit: Unit, failures: Mapping[int, Failure]) -> None:
    """Rows that have answers fail after all, each once, however many answers it had."""
    if failures:
        unit.failures.extend(failures.values())
        unit.answers = [answers.without(failures) for answers in unit.answers]
