"""What became of an agent's records, in counters that are looked up once; fed by the unit."""

from __future__ import annotations

from aimass_stream import metrics
from aimass_stream.kafka.outcomes import count_outcomes
from aimass_stream.runtime.handover import Unit


class OutcomeMetrics:
    """Counters of one agent, on all partitions of its worker.

    Args:
        agent: its name.
    """

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._counters = {
            name: metrics.OUTCOMES.labels(agent, name)
            for name in ("answered", "quiet", "dead_lettered")
        }

    def settled(self, unit: Unit) -> None:
        """The outcomes of a unit are on the broker."""
        for name, count in count_outcomes(unit).items():
            if count:
                self._counters[name].inc(count)
        for failure in unit.failures:
            metrics.DEAD_LETTERS.labels(self._agent, failure.error.reason).inc()
