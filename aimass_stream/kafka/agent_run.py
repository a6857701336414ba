"""One agent on one partition: its stream, its body, and the delivery of what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aimass_stream.kafka.delivery import Delivery, Outlet
from aimass_stream.kafka.parts import Parts
from aimass_stream.records import Limits
from aimass_stream.runtime.body import Agent, run_body
from aimass_stream.runtime.failure_limit import FailureLimit
from aimass_stream.runtime.handover import Handover, Unit, Work
from aimass_stream.runtime.streams import Stream

BACKLOG = "delivery backlog"
FROZEN = "frozen"


class AgentRun:
    """Runs an agent's body over one partition for as long as this worker owns it.

    Args:
        agent: what to run.
        outlet: where outputs go.
        limits: bounds for records that no model checks.
        failure_limit: of the agent, on all partitions of this worker.
        on_settled: called with each unit whose outcome is on the broker.
        on_error: called with whatever ends the run other than `cancel`.
        has_room: whether more of the partition is read while its outcomes are not on the broker.
    """

    def __init__(  # noqa: PLR0913 - what a run needs of whoever feeds it
        self,
        agent: Agent,
        outlet: Outlet,
        limits: Limits,
        failure_limit: FailureLimit,
        on_settled: Callable[[Unit], None],
        on_error: Callable[[BaseException], None],
        has_room: Callable[[], bool],
    ) -> None:
        self.agent = agent
        self._failure_limit = failure_limit
        self._on_error = on_error
        self._delivery = Delivery(agent, outlet, on_settled, self._hold_back, has_room)
        self.stream: Stream[Any] = Stream(
            agent.topic.type, limits, Handover(self._take), agent.name
        )
        self._parts = None if agent.parts is None else Parts(agent.name, agent.parts, outlet)
        self.stream.parts = self._parts
        self._tasks: list[asyncio.Task[None]] = []
        self._body: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, or go on after `freeze`."""
        if not self._tasks:
            delivering = self._spawn(self._delivery.run())
            self._body = self._spawn(run_body(self.agent.name, self.agent.body, self.stream))
            self._tasks = [delivering, self._body]
            if self._parts is not None:
                self._tasks.append(self._spawn(self._parts.run()))
        self.stream.open_for(FROZEN)

    def put(self, work: Work) -> None:
        """Append a work."""
        self.stream.put(work)

    def freeze(self) -> None:
        """Hand out nothing more until `start`."""
        self.stream.close_for(FROZEN)

    @property
    def is_delivering(self) -> bool:
        """Whether something waits to be put on the broker."""
        return not self._delivery.is_empty

    @property
    def waits_for_broker(self) -> bool:
        """Whether the body stands still because the broker has not taken its answers."""
        return self.stream.is_closed_for(BACKLOG)

    @property
    def holds_records(self) -> bool:
        """Whether the body has a record in its hands, or what it made of one is not delivered."""
        return self.stream.handover.held is not None or self.is_delivering

    async def settle(self) -> None:
        """Wait until the body waits and everything it finished is reported to the ledger."""
        if self._body is not None:
            await self._wait_body(self._body)
            await self._delivery.wait_empty()

    async def _wait_body(self, body: asyncio.Task[None]) -> None:
        """Wait until the body waits; one that has ended never will."""
        idle = asyncio.create_task(self.stream.wait_idle())
        try:
            await asyncio.wait({idle, body}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()

    def _take(self, unit: Unit) -> None:
        """Have a unit delivered; once too much has failed it is left for the next worker."""
        error = self._failure_limit.count(unit)
        if error is not None:
            self._on_error(error)
        if self._failure_limit.is_exceeded:
            self.freeze()
        else:
            self._delivery.put(unit)

    async def cancel(self) -> None:
        """End the run; what is not reported will be read again by the next owner."""
        for task in self._tasks:
            task.cancel()
        self.stream.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        task.add_done_callback(self._note_end)
        return task

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(error)

    def _hold_back(self, held: bool) -> None:  # noqa: FBT001 - a callback with one state
        if held:
            self.stream.close_for(BACKLOG)
        else:
            self.stream.open_for(BACKLOG)
