"""The limit on failures of one agent: it ends a bad deploy before it dead-letters the day.

Counts dead letters that models and agents cause, over the agent's latest records, before they are
written: a body is ahead of the broker by all that the worker holds. Bad input never counts: it is
the sender's, and no deploy mends it.
"""

from __future__ import annotations

from collections import deque

from aimass_stream.errors import MODEL_FAILURES, FailureLimitError, Reason
from aimass_stream.runtime.handover import Unit

FAILURES = MODEL_FAILURES | {Reason.AGENT_ERROR}
"""Reasons that count."""


class FailureLimit:
    """Counts over all partitions of one agent on this worker; fed by the unit.

    Args:
        agent: the agent's name.
        share: of the window, above which failures are too many.
        window: latest records that are looked at.

    Attributes:
        is_exceeded: nothing of the agent may be delivered any more.
    """

    def __init__(self, agent: str, share: float, window: int) -> None:
        self._agent = agent
        self._share = share
        self._window = window
        self._units: deque[tuple[int, int]] = deque()
        self._rows = 0
        self._failures = 0
        self.is_exceeded = False

    def count(self, unit: Unit) -> FailureLimitError | None:
        """Take in a unit before it is delivered.

        Returns:
            The end of the worker, when with this one too many of the latest records failed; once.
        """
        rows = unit.end_row - unit.first_row
        failures = 0
        if unit.failures:
            failures = sum(failure.error.reason in FAILURES for failure in unit.failures)
        self._units.append((rows, failures))
        self._rows += rows
        self._failures += failures
        while self._rows - self._units[0][0] >= self._window:
            old_rows, old_failures = self._units.popleft()
            self._rows -= old_rows
            self._failures -= old_failures
        if self.is_exceeded or not failures or self._failures <= self._allowed:
            return None
        self.is_exceeded = True
        return self._refuse(unit)

    @property
    def _allowed(self) -> float:
        # Units are dropped whole, so there may be a few more records than the window.
        return self._share * max(self._rows, self._window)

    def _refuse(self, unit: Unit) -> FailureLimitError:
        last = next(each for each in reversed(unit.failures) if each.error.reason in FAILURES)
        error, chunk = last.error, unit.work.chunk
        return FailureLimitError(
            f"agent {self._agent} stopped: {self._failures} of its latest {self._rows} records "
            f"failed by the model or the agent itself, and {self._allowed:.0f} are allowed. Last, "
            f"{chunk.topic}/{chunk.partition}/{chunk.offsets[last.row]}: {error.reason}, "
            f"{error.detail}. Nothing is lost: what was delivered is committed, the rest is read "
            "when this worker starts again. Go back to the version that worked, or mend the model "
            "or the agent, then start the worker. To go on regardless, raise failure_share "
            "(AIMASS_FAILURE_SHARE; 1 switches the limit off)."
        )
