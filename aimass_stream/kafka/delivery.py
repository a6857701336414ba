"""From resolved rows to committable offsets: outputs, then outcomes, then the ledger.

One delivery per agent and partition takes units in order. What has gathered while the broker
was busy goes out together. Outputs and dead letters are on the broker before the outcomes
record that speaks of them, and that one before the ledger hears of it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.kafka.dead_letters import StorePayload, dead_letter, dead_letters_topic, root_of
from aimass_stream.kafka.outcomes import encode, outcomes_of, outcomes_topic
from aimass_stream.kafka.outgoing import MAX_BATCH_BYTES, Message, Outgoing
from aimass_stream.records import identity
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.handover import Failure, Unit

BACKLOG_BYTES = 8 * 1024 * 1024
BACKLOG_ROWS = 8192
ROW_BYTES = BACKLOG_BYTES // BACKLOG_ROWS
GROUP_UNITS = 64


class Deliverer(Protocol):
    """Whatever puts messages on the broker and returns when they are there."""

    async def deliver(self, outgoing: Outgoing) -> None:
        """Deliver messages, in order per partition."""
        ...


@dataclass(frozen=True, slots=True)
class Outlet:
    """What every delivery of a worker shares.

    Attributes:
        app_id: names the outcomes and dead letter topics.
        deliverer: the producer.
        store: keeps payloads too large for a dead letter.
        answer_partition: the partition of an answer topic for a source partition and a key.
        system_partitions: partitions of the outcomes and dead letter topics.
        replayed: whether the records are dead letters that are answered anew.
    """

    app_id: str
    deliverer: Deliverer
    store: StorePayload
    answer_partition: Callable[[str, int, bytes | None], int]
    system_partitions: int
    replayed: bool = False


class Delivery:
    """Delivers the units of one agent on one partition, in order.

    Args:
        agent: whose units these are.
        outlet: where to.
        report: called with each unit whose outcome is on the broker.
        on_backlog: called with True when the body should hand out nothing more, with False
            when it may again.
    """

    def __init__(
        self,
        agent: Agent,
        outlet: Outlet,
        report: Callable[[Unit], None],
        on_backlog: Callable[[bool], None],
    ) -> None:
        self._agent = agent
        self._outlet = outlet
        self._report = report
        self._on_backlog = on_backlog
        self._units: deque[Unit] = deque()
        self._backlog_bytes = 0
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

    async def wait_empty(self) -> None:
        """Wait until everything queued is reported."""
        await self._empty.wait()

    async def run(self) -> None:
        """Deliver for as long as the task lives.

        Raises:
            LostOutcomeError: the broker refuses a message for good.
        """
        while True:
            while not self._units:
                self._empty.set()
                self._arrived.clear()
                await self._arrived.wait()
            units = [self._units.popleft() for _ in range(min(GROUP_UNITS, len(self._units)))]
            await self._deliver(units)
            for unit in units:
                self._report(unit)
            self._backlog_bytes -= sum(map(self._weight, units))
            if self._backlog_bytes <= BACKLOG_BYTES // 2:
                self._on_backlog(False)  # noqa: FBT003 - a callback with one state

    async def _deliver(self, units: list[Unit]) -> None:
        outgoing: Outgoing = {}
        for unit in units:
            self._refuse_oversized(unit)
            if self._agent.to is not None and self._agent.to.compacted:
                self._refuse_keyless(unit)
            self._file_answers(unit, outgoing)
        if any(unit.failures for unit in units):
            await asyncio.to_thread(self._file_dead_letters, units, outgoing)
        await self._outlet.deliverer.deliver(outgoing)
        outcomes: Outgoing = {}
        for unit in units:
            self._file_outcomes(unit, outcomes)
        await self._outlet.deliverer.deliver(outcomes)

    @staticmethod
    def _weight(unit: Unit) -> int:
        return unit.size_bytes + ROW_BYTES * (unit.end_row - unit.first_row)

    @staticmethod
    def _refuse_oversized(unit: Unit) -> None:
        """An answer no message can hold fails its record: the rest of the chunk goes on."""
        large = {
            answer.row: answer for answer in unit.answers if len(answer.value) > MAX_BATCH_BYTES
        }
        for row, answer in large.items():
            detail = f"an output of {len(answer.value)} bytes; a message holds {MAX_BATCH_BYTES}"
            error = RecordError(Reason.TOO_LARGE, detail)
            unit.failures.append(Failure(row, answer.model, error))
        if large:
            unit.answers = [answer for answer in unit.answers if answer.row not in large]

    @staticmethod
    def _refuse_keyless(unit: Unit) -> None:
        """A compacted topic takes no answer without a key, and would refuse its neighbours too."""
        keys = unit.work.chunk.keys
        keyless = {answer.row: answer for answer in unit.answers if keys[answer.row] is None}
        for row, answer in keyless.items():
            detail = "the record has no key, and its answers go to a compacted topic"
            unit.failures.append(
                Failure(row, answer.model, RecordError(Reason.BAD_ENVELOPE, detail))
            )
        if keyless:
            unit.answers = [answer for answer in unit.answers if answer.row not in keyless]

    def _file_answers(self, unit: Unit, outgoing: Outgoing) -> None:
        """The hot path: what a chunk's answers share is made once, not once an answer."""
        if not unit.answers:
            return
        to, chunk, agent = self._agent.to, unit.work.chunk, self._agent.name
        if to is None:
            raise ConfigError(
                f"agent {agent} yields, but nothing says where to: "
                "declare it with @app.agent(topic, to=answers)"
            )
        stem = f"{chunk.topic}/{chunk.partition}"
        offsets, keys, times, headers = (
            chunk.offsets,
            chunk.keys,
            chunk.timestamps_ms,
            chunk.headers,
        )
        place = self._outlet.answer_partition
        for row, ordinal, model, value, state in unit.answers:
            source = f"{stem}/{offsets[row]}"
            root = (root_of(headers[row]) if headers[row] else None) or source
            key = keys[row]
            answer_id = identity.answer_id(root, agent, model, ordinal)
            written = [
                (identity.SOURCE, source.encode()),
                (identity.ROOT, root.encode()),
                (identity.MODEL, model.encode()),
                (identity.ID, answer_id.encode()),
            ]
            if state:
                written.append((identity.STATE, state.encode()))
            message = Message(times[row], key, value, written)
            outgoing.setdefault((to.name, place(to.name, chunk.partition, key)), []).append(message)

    def _file_dead_letters(self, units: list[Unit], outgoing: Outgoing) -> None:
        """On a thread, since a large payload goes to the payload store."""
        topic, outlet = dead_letters_topic(self._outlet.app_id), self._outlet
        for unit in units:
            chunk = unit.work.chunk
            for failure in unit.failures:
                letter = dead_letter(self._agent.name, chunk, failure, outlet.store)
                partition = chunk.partition % outlet.system_partitions
                outgoing.setdefault((topic, partition), []).append(letter)

    def _file_outcomes(self, unit: Unit, outgoing: Outgoing) -> None:
        chunk, outlet, agent = unit.work.chunk, self._outlet, self._agent.name
        message = Message(
            time.time_ns() // 1_000_000,
            f"{agent}/{chunk.topic}/{chunk.partition}".encode(),
            encode(outcomes_of(agent, unit, replayed=outlet.replayed)),
            [],
        )
        place = (outcomes_topic(outlet.app_id), chunk.partition % outlet.system_partitions)
        outgoing.setdefault(place, []).append(message)
