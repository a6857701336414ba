"""Where a lane's batches are sent, and where the outcomes of their records are set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from aimass_stream.batching import Answered, BatchPolicy
from aimass_stream.batching.queue import padded_cost
from aimass_stream.errors import MODEL_FAILURES, Reason, RecordError, SetupError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.runtime.answers import AnswerReader
from aimass_stream.runtime.batch import BatchFailed, Hear, Scored
from aimass_stream.runtime.circuit import Circuit
from aimass_stream.runtime.isolation import record_error
from aimass_stream.runtime.lane_metrics import LaneMetrics
from aimass_stream.runtime.shared_device import APART, BESIDE_OTHERS, SharedDevice, Sharer
from aimass_stream.runtime.submission import Row, Submission

A = TypeVar("A")


class CircuitOpened(Exception):  # noqa: N818 - ends a call or a search, nobody's error
    """The model fails whatever it is given: no record is to blame, and its rows are to wait."""


class LaneCalls(Generic[A]):
    """Calls of one model, by whichever runner of its lane makes them.

    Args:
        model: who answers.
        spec: what it was loaded as.
        device: where.
        sharer: the lane, as those know it that share the device.
        metrics: the lane's.
        on_circuit: called when something was noted of the circuit.

    Attributes:
        policy: how large batches may be, learnt from these calls.
        circuit: open while the model fails on everything.
    """

    def __init__(
        self,
        model: Model[A],
        spec: ModelSpec,
        device: SharedDevice,
        sharer: Sharer,
        metrics: LaneMetrics,
        on_circuit: Callable[[], None],
    ) -> None:
        self._spec = spec
        self._device = device
        self._sharer = sharer
        self._metrics = metrics
        self._on_circuit = on_circuit
        self._reader = AnswerReader(model.answer_type)
        most_rows = 1 if model.written_together else model.max_batch_rows
        self.policy = BatchPolicy(model.latency_ms, most_rows, timeout_ms=spec.timeout_s * 1000)
        self.circuit = Circuit(model.circuit_failures, device.clock)

    async def predict(
        self,
        batch: Sequence[Row],
        gate_share: int = BESIDE_OTHERS,
        *,
        size: int | None = None,
        is_probe: bool = False,
    ) -> None:
        """Have a batch answered and set its outcomes.

        Args:
            batch: rows without an outcome.
            gate_share: what it takes of the device's gate.
            size: what the budget said that it was cut to.
            is_probe: it is sent although the circuit is open.

        Raises:
            BatchFailed: the batch may be to blame.
            CircuitOpened: the model is; what has no outcome is to be held.
        """
        gate, cost = self._device.gate, padded_cost(batch)
        payloads = [row.payload for row in batch]
        while True:
            if gate_share == APART:
                await self._device.take_apart(self._sharer)
            else:
                await gate.take(gate_share)
            try:
                if self.circuit.is_open and not is_probe:
                    raise CircuitOpened
                scored = await self._send(batch, cost, payloads)
            except BatchFailed as failure:
                if failure.out_of_memory and len(batch) > 1:
                    self._metrics.out_of_memory.inc()
                    self.policy.halve(cost)
                if failure.suspect:
                    raise
                continue
            finally:
                gate.give(gate_share)
            real_cost, ms = sum(row.cost for row in batch), scored.decode_ms + scored.predict_ms
            self.policy.learn(Answered(cost, real_cost, len(batch), ms, size))
            self._take_outcomes(batch, self._reader.read(scored.answers))
            return

    def blame(self, row: Row, failure: BatchFailed) -> None:
        """Dead-letter a record for its own failure.

        Raises:
            CircuitOpened: the model is to blame.
        """
        error = record_error(failure)
        if not self._may_blame(error):
            raise CircuitOpened
        self._settle([row], [error])
        self._on_circuit()

    async def _send(self, batch: Sequence[Row], cost: float, payloads: list[bytes]) -> Scored:
        scored, expected_ms = None, self.policy.latency_ms(cost)
        flight = self._device.send(self._sharer, batch[0].arrival_s, expected_ms)
        try:
            scored = await self._device.link.predict(self._spec.id, payloads, _listener(batch))
        except SetupError as error:
            # It was loaded once, so this may pass: a file that is put right, memory that is freed.
            self.circuit.open(str(error))
            self._on_circuit()
            raise BatchFailed(Reason.MODEL_ERROR, str(error)) from error
        finally:
            self._device.land(self._sharer, flight, scored)
        if len(scored.answers) != len(payloads):
            detail = f"{len(scored.answers)} answers for {len(payloads)} records"
            raise BatchFailed(Reason.INVALID_OUTPUT, detail)
        self._metrics.answered(scored)
        return scored

    def _take_outcomes(self, batch: Sequence[Row], outcomes: Sequence[A | RecordError]) -> None:
        """Set what came back; where nothing was answered, the model may be to blame instead."""
        errors = sum(isinstance(outcome, RecordError) for outcome in outcomes)
        if errors < len(batch):
            self.circuit.note_answers(len(batch) - errors)
            self._on_circuit()
            self._settle(batch, outcomes)
            return
        decided = [
            (row, outcome)
            for row, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, RecordError) and self._may_blame(outcome)
        ]
        self._settle([row for row, _ in decided], [outcome for _, outcome in decided])
        self._on_circuit()
        if len(decided) < len(batch):
            raise CircuitOpened

    def _may_blame(self, error: RecordError) -> bool:
        """Whether a failure costs its record; not while the model is to blame."""
        return error.reason not in MODEL_FAILURES or self.circuit.blame(error.reason, error.detail)

    def _settle(self, batch: Sequence[Row], outcomes: Sequence[A | RecordError]) -> None:
        freed: dict[Submission[Any], int] = {}
        for row, outcome in zip(batch, outcomes, strict=True):
            submission = row.submission
            submission.outcomes[row.index] = outcome
            freed[submission] = freed.get(submission, 0) + row.size
        for submission, size in freed.items():
            submission.settle(size)
        self._metrics.settled(outcomes)
        self._device.report()


def _listener(batch: Sequence[Row]) -> Hear | None:
    """Tells each row's submission of what is written for it; None where none wants to know."""
    if all(row.submission.hear is None for row in batch):
        return None

    def hear(row: int, seq: int, text: str) -> None:
        batch[row].hear(seq, text)

    return hear
