"""Which offsets of one partition may be committed; pure bookkeeping, no Kafka.

Records are numbered by *ordinals* as they are accepted, so a hole in the offsets (compaction,
transaction markers) is no hole here. Every agent on the topic reports runs of ordinals in any
order; what may be committed is the minimum over the agents of what each has done without a gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush


@dataclass(slots=True)
class _Progress:
    """How far one agent is: `done` ordinals without a gap, `watermark` the offset after them."""

    watermark: int
    done: int = 0
    ahead: list[tuple[int, int, int]] = field(default_factory=list)

    def report(self, first: int, end: int, next_offset: int) -> None:
        heappush(self.ahead, (first, end, next_offset))
        while self.ahead and self.ahead[0][0] <= self.done:
            _, end, next_offset = heappop(self.ahead)
            if end > self.done:
                self.done = end
                self.watermark = next_offset


class Ledger:
    """Positions of one partition while this worker owns it.

    Attributes:
        position: offset of the next record to accept; earlier ones are repeats to drop.
        committed: the offset last committed by this worker or found at the start.
        doubtful: a fetch may have been thrown away, so the next one must begin with a seek to
            `position`; only then is a hole in the offsets known to be real.
    """

    def __init__(self, position: int, agents: Iterable[str]) -> None:
        self.position = position
        self.committed = position
        self.doubtful = True
        self._accepted = 0
        self._progress = {agent: _Progress(watermark=position) for agent in agents}

    def accept(self, offsets: list[int]) -> int:
        """Take in records in offset order and return the ordinal of the first.

        Raises:
            ValueError: the first offset lies before `position`.
        """
        if offsets[0] < self.position:
            raise ValueError(f"offset {offsets[0]} before position {self.position}")
        first = self._accepted
        self._accepted += len(offsets)
        self.position = offsets[-1] + 1
        return first

    def report(self, agent: str, first: int, end: int, next_offset: int) -> None:
        """Note that `agent` has established the outcome of ordinals `first` up to `end`.

        Args:
            agent: the agent's name.
            first: ordinal of the first record.
            end: ordinal after the last record.
            next_offset: offset of the last record plus one.
        """
        self._progress[agent].report(first, end, next_offset)

    @property
    def watermark(self) -> int:
        """The offset that may be committed now."""
        return min(progress.watermark for progress in self._progress.values())

    @property
    def done(self) -> int:
        """The ordinal before which every record has its outcome with every agent."""
        return min(progress.done for progress in self._progress.values())

    @property
    def settled(self) -> bool:
        """Whether every accepted record has its outcome with every agent."""
        return self.done == self._accepted
