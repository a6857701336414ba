"""The lane of one model: cuts batches from its queue, sends them, and sets outcomes.

Two runners keep two batches in flight: one is predicted while the next is decoded. A batch
that fails is split by the runner that sent it; the other runner goes on with ordinary batches.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from aimass_stream import metrics
from aimass_stream.batching import BatchPolicy, BatchQueue, Demand
from aimass_stream.batching.policy import RecentMax
from aimass_stream.batching.queue import padded_cost
from aimass_stream.errors import AimassError, LostOutcomeError, Reason, RecordError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.runtime.answers import AnswerReader
from aimass_stream.runtime.batch import BatchFailed, Scored
from aimass_stream.runtime.isolation import attempt, find_culprits, record_error
from aimass_stream.runtime.lane_metrics import LaneMetrics
from aimass_stream.runtime.room import Room
from aimass_stream.runtime.submission import Row, Submission
from aimass_stream.runtime.usage import Clock, DeviceUsage

A = TypeVar("A")

RUNNERS = 2
"""Batches of a model in flight: one predicted, one decoded."""

BESIDE_OTHERS = 1
"""What an ordinary batch takes of a device's gate."""
APART = 1 << 30
"""All of the gate: nothing else is in flight while a batch is."""

_WINDOW_ROWS = 160
_WINDOW_BATCHES = 4
_LAG_WINDOW_S = 10.0
_LOSSES = frozenset({Reason.MODEL_CRASH, Reason.MODEL_TIMEOUT})


class Link(Protocol):
    """What answers batches: a device process, or anything that behaves like one."""

    async def load(self, spec: ModelSpec) -> None:
        """Have a model ready.

        Raises:
            SetupError: it cannot be loaded.
        """
        ...

    async def predict(self, model_id: str, payloads: Sequence[bytes | memoryview], /) -> Scored:
        """Answer a batch, one answer for each payload, in order.

        Raises:
            BatchFailed: there are no answers.
            AimassError: there will never be any.
        """
        ...


class Device:
    """What the lanes of one device share.

    Attributes:
        link: answers batches.
        gate: lets batches through beside each other, or one apart from all others. A process
            that dies does not say of which batch, so only what was alone may be blamed.
        room: bounds the bytes of payloads that are held.
        usage: what the device does with its time.
        clock: seconds, never going back.
    """

    def __init__(self, link: Link, buffer_bytes: int, clock: Clock) -> None:
        self.link = link
        self.gate = Room(APART)
        self.room = Room(buffer_bytes)
        self.clock = clock
        self.usage = DeviceUsage(clock)

    def report(self) -> None:
        """Bring the metric of held bytes up to date."""
        metrics.HELD_BYTES.set(self.room.held)


class Lane(Generic[A]):
    """Batches of one model. Lives on one event loop."""

    def __init__(self, model: Model[A], spec: ModelSpec, device: Device) -> None:
        self.model = model
        self.metrics = LaneMetrics(spec.id)
        self._spec = spec
        self._device = device
        self._queue = self._empty_queue()
        self._policy = BatchPolicy(
            model.latency_ms, model.max_batch_rows, timeout_ms=spec.timeout_s * 1000
        )
        self._lag = RecentMax(_LAG_WINDOW_S)
        self._reader = AnswerReader(model.answer_type)
        self._arrived = asyncio.Event()
        self._failed: deque[tuple[list[Row], BatchFailed]] = deque()
        self._is_isolating = False
        self._open: weakref.WeakSet[Submission[Any]] = weakref.WeakSet()
        self._runners: list[asyncio.Task[None]] = []
        self._error: BaseException | None = None

    def start(self) -> None:
        """Start the runners."""
        self._runners = [asyncio.create_task(self._run()) for _ in range(RUNNERS)]

    async def close(self) -> None:
        """Stop the runners and cancel what has no outcome."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        self._queue = self._empty_queue()
        for submission in list(self._open):
            submission.cancel()

    def open(self, rows: int, lag: int) -> Submission[A]:
        """Begin a submission.

        Raises:
            AimassError: the lane broke; no outcome can be established any more.
        """
        if self._error is not None:
            raise self._error
        self._lag.add(lag, self._device.clock())
        submission: Submission[A] = Submission(rows, self._device.room, self._forget)
        self._open.add(submission)
        return submission

    def put(self, rows: Sequence[Row]) -> None:
        """Queue rows for the next batches."""
        if rows:
            self._queue.put(rows)
            self._arrived.set()

    def _empty_queue(self) -> BatchQueue[Row]:
        return BatchQueue(max(_WINDOW_ROWS, _WINDOW_BATCHES * self.model.max_batch_rows))

    def _forget(self, submission: Submission[Any]) -> None:
        self._open.discard(submission)
        self._queue.remove(lambda row: row.submission is submission)

    # -- batches -------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                while not len(self._queue):
                    self._arrived.clear()
                    await self._arrived.wait()
                await self._score(self._cut())
        except Exception as error:
            # Raised again where outcomes are awaited.
            self._break(error)

    def _cut(self) -> list[Row]:
        queue, now_s = self._queue, self._device.clock()
        oldest = queue.oldest
        age_ms = 0.0 if oldest is None else (now_s - oldest.arrival_s) * 1000
        rows = len(queue) + self._lag.get(now_s)
        demand = Demand(rows, age_ms, self._device.usage.busy_ms())
        batch = queue.next_batch(self._policy.budget(demand))
        self.metrics.cut(batch, waiting=len(queue), age_ms=age_ms)
        return batch

    async def _score(self, batch: list[Row]) -> None:
        failure = await attempt(self._predict, batch)
        if failure is None:
            return
        if failure.out_of_memory and len(batch) > 1:
            self._put_back(batch)
            return
        self._failed.append((batch, failure))
        if self._is_isolating:
            return
        self._is_isolating = True
        try:
            while self._failed:
                await self._isolate(*self._failed.popleft())
        finally:
            self._is_isolating = False

    async def _predict(self, batch: Sequence[Row], gate_share: int = BESIDE_OTHERS) -> None:
        """Have a batch answered and set its outcomes.

        Raises:
            BatchFailed: the batch may be to blame.
        """
        gate, cost = self._device.gate, padded_cost(batch)
        payloads = [row.payload for row in batch]
        while True:
            await gate.take(gate_share)
            try:
                scored = await self._send(batch[0].arrival_s, cost, payloads)
            except BatchFailed as failure:
                if failure.out_of_memory and len(batch) > 1:
                    self.metrics.out_of_memory.inc()
                    self._policy.halve(cost)
                if failure.suspect:
                    raise
                continue
            finally:
                gate.give(gate_share)
            self._policy.learn(cost, len(batch), scored.decode_ms + scored.predict_ms)
            self._settle(batch, self._reader.read(scored.answers))
            return

    async def _send(self, arrival_s: float, cost: float, payloads: list[bytes]) -> Scored:
        usage, scored = self._device.usage, None
        flight = usage.send(arrival_s, self._policy.latency_ms(cost))
        try:
            scored = await self._device.link.predict(self._spec.id, payloads)
        finally:
            usage.land(flight, scored)
        if len(scored.answers) != len(payloads):
            detail = f"{len(scored.answers)} answers for {len(payloads)} records"
            raise BatchFailed(Reason.INVALID_OUTPUT, detail)
        self.metrics.answered(scored)
        return scored

    def _settle(self, batch: Sequence[Row], outcomes: Sequence[A | RecordError]) -> None:
        freed: dict[Submission[Any], int] = {}
        for row, outcome in zip(batch, outcomes, strict=True):
            submission = row.submission
            submission.outcomes[row.index] = outcome
            freed[submission] = freed.get(submission, 0) + row.size
        for submission, size in freed.items():
            submission.settle(size)
        self.metrics.settled(outcomes)
        self._device.report()

    # -- failures ------------------------------------------------------------------------

    async def _isolate(self, batch: list[Row], failure: BatchFailed) -> None:
        wanted = [row for row in batch if not row.submission.is_over]
        if len(wanted) < len(batch):
            # What is left of it may not fail at all.
            self._put_back(wanted)
            return
        self.metrics.split(failure.reason)
        probe = self._probe
        if failure.reason in _LOSSES:
            probe = partial(self._predict, gate_share=APART)
            if len(batch) == 1:
                own_failure = await attempt(probe, batch)
                if own_failure is None:
                    return
                failure = own_failure
        verdict = await find_culprits(probe, batch, failure)
        self._put_back([batch[at] for at in verdict.put_back])
        self._settle(
            [batch[at] for at, _ in verdict.blamed],
            [record_error(own_failure) for _, own_failure in verdict.blamed],
        )

    async def _probe(self, part: Sequence[Row]) -> None:
        """Have a part answered, such that its failure is its own."""
        try:
            await self._predict(part)
        except BatchFailed as failure:
            if failure.reason not in _LOSSES:
                raise
            await self._predict(part, APART)

    def _put_back(self, rows: Sequence[Row]) -> None:
        self._queue.put_back(row for row in rows if not row.submission.is_over)
        self._arrived.set()

    def _break(self, error: Exception) -> None:
        self._error = error
        if not isinstance(error, AimassError):
            self._error = LostOutcomeError(f"batches of {self._spec.id} cannot go on: {error!r}")
            self._error.__cause__ = error
        for runner in self._runners:
            if runner is not asyncio.current_task():
                runner.cancel()
        self._queue = self._empty_queue()
        for submission in list(self._open):
            submission.fail(self._error)
