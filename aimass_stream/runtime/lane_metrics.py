"""The metrics of one lane, looked up once; fed by the batch, never by the record."""

from __future__ import annotations

from collections.abc import Sequence

from aimass_stream import metrics
from aimass_stream.batching.queue import Entry, padded_cost
from aimass_stream.errors import Reason
from aimass_stream.runtime.batch import Scored
from aimass_stream.runtime.record_metrics import RecordMetrics


class LaneMetrics(RecordMetrics):
    """Collectors of one model that is given batches."""

    def __init__(self, model_id: str) -> None:
        super().__init__(model_id)
        self.out_of_memory = metrics.OUT_OF_MEMORY.labels(model_id)
        self._rows = metrics.BATCH_ROWS.labels(model_id)
        self._cost = metrics.BATCH_COST.labels(model_id)
        self._padding = metrics.BATCH_PADDING.labels(model_id)
        self._queue_rows = metrics.QUEUE_ROWS.labels(model_id)
        self._queue_ms = metrics.QUEUE_MS.labels(model_id)
        self._decode_ms = metrics.DECODE_MS.labels(model_id)
        self._predict_ms = metrics.PREDICT_MS.labels(model_id)
        self._busy_s = metrics.DEVICE_BUSY_S.labels(model_id)

    def cut(self, batch: Sequence[Entry], *, waiting: int, age_ms: float) -> None:
        """A batch was cut, and this many rows wait on."""
        cost = padded_cost(batch)
        self._rows.observe(len(batch))
        self._cost.observe(cost)
        self._padding.observe(1 - sum(entry.cost for entry in batch) / cost)
        self._queue_rows.set(waiting)
        self._queue_ms.observe(age_ms)

    def answered(self, scored: Scored) -> None:
        """A batch was answered."""
        self._decode_ms.observe(scored.decode_ms)
        self._predict_ms.observe(scored.predict_ms)
        self._busy_s.inc(scored.predict_ms / 1000)

    def split(self, reason: Reason) -> None:
        """A batch is split to find who is to blame."""
        metrics.BATCHES_SPLIT.labels(self._model_id, reason).inc()
