"""The lane of one model: cuts batches from its queue, sends them, and sets outcomes.

Its runners keep as many batches in flight as its device has stages, so that one is predicted
while the next is decoded. A batch that fails is split by the runner that sent it; the others go
on with ordinary batches. Records of a model that writes are batches of one, as many in flight as it
writes together.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from aimass_stream.batching import BatchPolicy, BatchQueue, Demand
from aimass_stream.batching.policy import RecentMax
from aimass_stream.batching.queue import padded_cost
from aimass_stream.errors import (
    MODEL_FAILURES,
    AimassError,
    LostOutcomeError,
    Reason,
    RecordError,
    SetupError,
)
from aimass_stream.model import Model, ModelSpec
from aimass_stream.runtime.answers import AnswerReader
from aimass_stream.runtime.batch import BatchFailed, Hear, Scored
from aimass_stream.runtime.circuit import LOSSES, Circuit
from aimass_stream.runtime.healing import Healing
from aimass_stream.runtime.isolation import attempt, find_culprits, record_error
from aimass_stream.runtime.lane_metrics import LaneMetrics
from aimass_stream.runtime.shared_device import APART, BESIDE_OTHERS, SharedDevice
from aimass_stream.runtime.submission import Row, Submission

A = TypeVar("A")

_WINDOW_ROWS = 160
_WINDOW_BATCHES = 4
_LAG_WINDOW_S = 10.0


class _CircuitOpened(Exception):  # noqa: N818 - ends a search, nobody's error
    """The model fails whatever it is given: no record is to blame."""


class Lane(Generic[A]):
    """Batches of one model. Lives on one event loop."""

    def __init__(self, model: Model[A], spec: ModelSpec, device: SharedDevice) -> None:
        self.model = model
        self.metrics = LaneMetrics(spec.id)
        self._spec = spec
        self._device = device
        self.room = device.make_room()
        self.share = device.join(self)
        self._circuit = Circuit(model.circuit_failures, device.clock)
        self._healing = Healing(
            self._circuit, spec.id, device.clock, self._try_one, self._on_heal, self._break
        )
        self._queue = self._empty_queue()
        self.writes = bool(model.written_together)
        self._in_flight = model.written_together or device.stages
        most_rows = 1 if self.writes else model.max_batch_rows
        self._policy = BatchPolicy(model.latency_ms, most_rows, timeout_ms=spec.timeout_s * 1000)
        self._lag = RecentMax(_LAG_WINDOW_S)
        self._reader = AnswerReader(model.answer_type)
        self._arrived = asyncio.Event()
        self._failed: deque[tuple[list[Row], BatchFailed]] = deque()
        self._is_isolating = False
        self._tried: Sequence[Row] = ()
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
        is_served = not self._is_isolating and not self._circuit.is_open
        return self._queue.oldest if is_served else None

    @property
    def is_isolating(self) -> bool:
        """Whether a record that made its batch fail is being looked for."""
        return self._is_isolating

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
                await self._score(self._cut())
        except Exception as error:
            # Raised again where outcomes are awaited.
            self._break(error)

    async def _wait_arrival(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

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
        try:
            failure = await attempt(self._predict, batch)
        except _CircuitOpened:
            self._hold(batch)
            return
        if failure is None:
            return
        if self._circuit.is_open or (failure.out_of_memory and len(batch) > 1):
            self._put_back(batch)
            return
        self._failed.append((batch, failure))
        if self._is_isolating:
            return
        self._is_isolating = True
        self._device.report()
        try:
            while self._failed:
                await self._isolate(*self._failed.popleft())
        finally:
            self._is_isolating = False

    async def _predict(self, batch: Sequence[Row], gate_share: int = BESIDE_OTHERS) -> None:
        """Have a batch answered and set its outcomes.

        Raises:
            BatchFailed: the batch may be to blame.
            _CircuitOpened: the model is; what has no outcome is to be held.
        """
        gate, cost = self._device.gate, padded_cost(batch)
        payloads = [row.payload for row in batch]
        while True:
            if gate_share == APART:
                await self._device.take_apart(self)
            else:
                await gate.take(gate_share)
            try:
                if self._circuit.is_open and batch is not self._tried:
                    raise _CircuitOpened
                scored = await self._send(batch, cost, payloads)
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
            self._take_outcomes(batch, self._reader.read(scored.answers))
            return

    async def _send(self, batch: Sequence[Row], cost: float, payloads: list[bytes]) -> Scored:
        scored = None
        flight = self._device.send(self, batch[0].arrival_s, self._policy.latency_ms(cost))
        try:
            scored = await self._device.link.predict(self._spec.id, payloads, _listener(batch))
        except SetupError as error:
            # It was loaded once, so this may pass: a file that is put right, memory that is freed.
            self._circuit.open(str(error))
            self._healing.update()
            raise BatchFailed(Reason.MODEL_ERROR, str(error)) from error
        finally:
            self._device.land(self, flight, scored)
        if len(scored.answers) != len(payloads):
            detail = f"{len(scored.answers)} answers for {len(payloads)} records"
            raise BatchFailed(Reason.INVALID_OUTPUT, detail)
        self.metrics.answered(scored)
        return scored

    def _take_outcomes(self, batch: Sequence[Row], outcomes: Sequence[A | RecordError]) -> None:
        """Set what came back; where nothing was answered, the model may be to blame instead."""
        errors = sum(isinstance(outcome, RecordError) for outcome in outcomes)
        if errors < len(batch):
            self._circuit.note_answers(len(batch) - errors)
            self._healing.update()
            self._settle(batch, outcomes)
            return
        decided = [
            (row, outcome)
            for row, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, RecordError) and self._may_blame(outcome)
        ]
        self._settle([row for row, _ in decided], [outcome for _, outcome in decided])
        self._healing.update()
        if len(decided) < len(batch):
            raise _CircuitOpened

    def _may_blame(self, error: RecordError) -> bool:
        """Whether a failure costs its record; not while the model is to blame."""
        return error.reason not in MODEL_FAILURES or self._circuit.blame(error.reason, error.detail)

    def _blame(self, row: Row, failure: BatchFailed) -> None:
        """Dead-letter a record for its own failure.

        Raises:
            _CircuitOpened: the model is to blame.
        """
        error = record_error(failure)
        if not self._may_blame(error):
            raise _CircuitOpened
        self._settle([row], [error])
        self._healing.update()

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
        try:
            await self._search(batch, failure)
        except _CircuitOpened:
            self._hold(batch)

    async def _search(self, batch: list[Row], failure: BatchFailed) -> None:
        """Find who is to blame.

        Raises:
            _CircuitOpened: the model is; what has no outcome is to be held.
        """
        gate_share = APART if failure.reason in LOSSES else BESIDE_OTHERS
        if gate_share == APART and len(batch) == 1:
            own_failure = await attempt(partial(self._predict, gate_share=APART), batch)
            if own_failure is None:
                return
            failure = own_failure

        async def call(part: Sequence[Row]) -> None:
            failed = await attempt(partial(self._probe, gate_share=gate_share), part)
            if failed is None:
                return
            if len(part) == 1:
                # Blamed now and not at the end, so that many of them end the search.
                self._blame(part[0], failed)
            raise failed

        verdict = await find_culprits(call, batch, failure)
        for at, own_failure in verdict.blamed:
            if not batch[at].is_settled:
                self._blame(batch[at], own_failure)
        self._put_back([batch[at] for at in verdict.put_back])

    async def _probe(self, part: Sequence[Row], gate_share: int) -> None:
        """Have a part answered, such that its failure is its own."""
        try:
            await self._predict(part, gate_share)
        except BatchFailed as failure:
            if gate_share == APART or failure.reason not in LOSSES:
                raise
            await self._predict(part, APART)

    def _hold(self, batch: Sequence[Row]) -> None:
        self._put_back([row for row in batch if not row.is_settled])

    def _put_back(self, rows: Sequence[Row]) -> None:
        self._queue.put_back(row for row in rows if not row.submission.is_over)
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
        self._tried = [row]
        try:
            failure = await attempt(partial(self._predict, gate_share=gate_share), self._tried)
        except _CircuitOpened:
            failure = None
        if failure is not None:
            self._circuit.note_probe(failure.reason, failure.detail)
        self._hold(self._tried)


def _listener(batch: Sequence[Row]) -> Hear | None:
    """Tells each row's submission of what is written for it; None where none wants to know."""
    if all(row.submission.hear is None for row in batch):
        return None

    def hear(row: int, seq: int, text: str) -> None:
        batch[row].hear(seq, text)

    return hear
