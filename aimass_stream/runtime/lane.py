"""The lane of one model: where its records wait, and where batches are cut from them.

Its runners keep as many batches in flight as its device has stages, so that one is predicted
while the next is decoded. They are sent and answered in `lane_calls.py`; one that fails is split
in `lane_isolation.py`. Records of a model that writes are batches of one, as many in flight as it
writes together.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from aimass_stream.batching import BatchQueue, Budget, Demand
from aimass_stream.batching.policy import RecentMax
from aimass_stream.errors import AimassError, LostOutcomeError, SetupError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.runtime.batch import Hear
from aimass_stream.runtime.healing import Healing
from aimass_stream.runtime.isolation import attempt
from aimass_stream.runtime.lane_calls import CircuitOpened, LaneCalls
from aimass_stream.runtime.lane_isolation import LaneIsolation
from aimass_stream.runtime.lane_metrics import LaneMetrics
from aimass_stream.runtime.shared_device import APART, BESIDE_OTHERS, SharedDevice
from aimass_stream.runtime.submission import Row, Submission

A = TypeVar("A")

_WINDOW_ROWS = 160
_WINDOW_BATCHES = 4
_LAG_WINDOW_S = 10.0


class Lane(Generic[A]):
    """Batches of one model. Lives on one event loop.

    Args:
        model: as declared.
        spec: what it was resolved to.
        device: what it shares with others.
        costs_alike: whether its records cost the same, whatever the declaration says.
    """

    def __init__(
        self, model: Model[A], spec: ModelSpec, device: SharedDevice, *, costs_alike: bool = False
    ) -> None:
        self.model = model
        self.costs_alike = costs_alike
        self.metrics = LaneMetrics(spec.id)
        self.room = device.make_room()
        self.share = device.join(self)
        self.writes = bool(model.written_together)
        self._spec = spec
        self._device = device
        self._in_flight = model.written_together or device.stages
        self._calls = LaneCalls(model, spec, device, self, self.metrics, self._on_circuit)
        self._circuit = self._calls.circuit
        self._isolation = LaneIsolation(
            self._calls, self.metrics, self._put_back, self._device.report
        )
        self._healing = Healing(
            self._circuit, spec.id, device.clock, self._try_one, self._on_heal, self._break
        )
        self._queue = self._empty_queue()
        self._lag = RecentMax(_LAG_WINDOW_S)
        self._arrived = asyncio.Event()
        self._open: weakref.WeakSet[Submission[Any]] = weakref.WeakSet()
        self._runners: list[asyncio.Task[None]] = []
        self._error: BaseException | None = None

    def start(self) -> None:
        """Start the runners."""
        self._runners = [asyncio.create_task(self._run()) for _ in range(self._in_flight)]

    async def close(self) -> None:
        """Stop the runners and cancel what has no outcome."""
        tasks = self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._queue = self._empty_queue()
        for submission in list(self._open):
            submission.cancel()

    def open(self, rows: int, lag: int, hear: Hear | None = None) -> Submission[A]:
        """Begin a submission; `hear` is told of its answers while they are written.

        Raises:
            AimassError: the lane broke; no outcome can be established any more.
        """
        if self._error is not None:
            raise self._error
        self._lag.add(lag, self._device.clock())
        submission: Submission[A] = Submission(rows, self.room, self._forget, hear)
        self._open.add(submission)
        return submission

    def put(self, rows: Sequence[Row]) -> None:
        """Queue rows for the next batches."""
        if rows:
            self._queue.put(rows)
            self._arrived.set()

    @property
    def trouble(self) -> str:
        """What is wrong with the model, in a sentence; empty while nothing is."""
        return self._healing.trouble

    @property
    def next_row(self) -> Row | None:
        """The row that has waited longest; None where none does, or none would be served now."""
        is_served = not self._isolation.is_under_way and not self._circuit.is_open
        return self._queue.oldest if is_served else None

    @property
    def is_isolating(self) -> bool:
        """Whether a record that made its batch fail is being looked for."""
        return self._isolation.is_under_way

    def _tasks(self) -> list[asyncio.Task[None]]:
        healing = self._healing.task
        return [*self._runners, *([healing] if healing is not None else [])]

    def _empty_queue(self) -> BatchQueue[Row]:
        return BatchQueue(max(_WINDOW_ROWS, _WINDOW_BATCHES * self.model.max_batch_rows))

    def _forget(self, submission: Submission[Any]) -> None:
        self._open.discard(submission)
        self._queue.remove(lambda row: row.submission is submission)
        self._device.report()

    # -- batches -------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                await self._device.take_turn(self)
                if self._circuit.is_open or not len(self._queue):
                    await self._wait_arrival()
                    continue
                await self._score(*self._cut())
        except Exception as error:
            # Raised again where outcomes are awaited.
            self._break(error)

    async def _wait_arrival(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    def _cut(self) -> tuple[list[Row], Budget]:
        queue, now_s = self._queue, self._device.clock()
        oldest = queue.oldest
        age_ms = 0.0 if oldest is None else (now_s - oldest.arrival_s) * 1000
        rows = len(queue) + self._lag.get(now_s)
        demand = Demand(rows, age_ms, self._device.usage.busy_ms())
        budget = self._calls.policy.budget(demand)
        batch = queue.next_batch(budget)
        self.metrics.cut(batch, waiting=len(queue), age_ms=age_ms)
        return batch, budget

    async def _score(self, batch: list[Row], budget: Budget) -> None:
        try:
            failure = await attempt(partial(self._calls.predict, size=budget.size), batch)
        except CircuitOpened:
            self._put_back(batch)
            return
        if failure is None:
            return
        if self._circuit.is_open or (failure.out_of_memory and len(batch) > 1):
            self._put_back(batch)
            return
        await self._isolation.isolate(batch, failure)

    def _put_back(self, rows: Sequence[Row]) -> None:
        """Queue again, before what came later, what somebody still waits for."""
        self._queue.put_back(row for row in rows if not row.is_over)
        self._arrived.set()
        self._device.report()

    def _break(self, error: Exception) -> None:
        self._error = error
        if not isinstance(error, AimassError):
            self._error = LostOutcomeError(f"batches of {self._spec.id} cannot go on: {error!r}")
            self._error.__cause__ = error
        for task in self._tasks():
            if task is not asyncio.current_task():
                task.cancel()
        self._queue = self._empty_queue()
        for submission in list(self._open):
            submission.fail(self._error)
        self._device.report()

    # -- an open circuit -----------------------------------------------------------------

    def _on_circuit(self) -> None:
        self._healing.update()

    def _on_heal(self) -> None:
        self._arrived.set()

    async def _try_one(self) -> None:
        """Have one held record answered, if there is one; a failure decides nothing about it."""
        while not len(self._queue):
            await self._wait_arrival()
        try:
            await self._device.link.load(self._spec)
        except SetupError as error:
            self._circuit.open(str(error))
            return
        row = self._queue.take_one(self._circuit.next_place())
        if row is None:
            return
        gate_share = APART if self._circuit.costs_process else BESIDE_OTHERS
        probe = partial(self._calls.predict, gate_share=gate_share, is_probe=True)
        try:
            failure = await attempt(probe, [row])
        except CircuitOpened:
            failure = None
        if failure is not None:
            self._circuit.note_probe(failure.reason, failure.detail)
        self._put_back([row])
