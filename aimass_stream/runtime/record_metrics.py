"""What became of a model's records, in counters that are looked up once; fed by the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aimass_stream import metrics
from aimass_stream.errors import RecordError


class RecordMetrics:
    """Counters of one model, wherever it runs.

    Args:
        model_id: `name@version`.
    """

    def __init__(self, model_id: str) -> None:
        self._model_id = model_id
        self.submitted = metrics.RECORDS_SUBMITTED.labels(model_id)
        self._answered = metrics.RECORDS_ANSWERED.labels(model_id)

    def settled(self, outcomes: Sequence[Any]) -> None:
        """Outcomes were set."""
        if RecordError not in map(type, outcomes):
            self._answered.inc(len(outcomes))
            return
        errors = [outcome for outcome in outcomes if isinstance(outcome, RecordError)]
        self._answered.inc(len(outcomes) - len(errors))
        for error in errors:
            self.failed(error)

    def failed(self, error: RecordError) -> None:
        """One record has no answer."""
        metrics.RECORDS_FAILED.labels(self._model_id, error.reason).inc()
