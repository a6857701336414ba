"""Which offsets of one partition may be committed; pure bookkeeping, no Kafka.

Records are numbered by *ordinals* as they are accepted, so a hole in the offsets (compaction,
transaction markers) is no hole here. Every agent on the topic reports runs of ordinals in any
order; what may be committed is the minimum over the agents of what each has done without a gap.
How far the others are is kept beside it, so that they need not do it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

import msgspec

NOTE_CHARS = 4_000
"""Brokers take notes of up to 4,096 bytes (`offset.metadata.max.bytes`)."""

_decode_ahead = msgspec.json.Decoder(dict[str, int]).decode


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the agents on a partition are.

    Attributes:
        offset: every agent has done what lies before it.
        ahead: agents that have done more, and the offset before which they have.
    """

    offset: int
    ahead: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, offset: int, note: str) -> Standing:
        """What was committed: an offset, and the note beside it.

        A note that cannot be read, because something else committed, says nothing.
        """
        try:
            ahead = _decode_ahead(note)
        except msgspec.MsgspecError:
            return cls(offset)
        return cls(offset, {agent: at for agent, at in ahead.items() if at > offset})

    @property
    def note(self) -> str:
        """What is committed beside the offset; left out where the broker would refuse it."""
        if not self.ahead:
            return ""
        note = msgspec.json.encode(self.ahead).decode()
        return note if len(note) <= NOTE_CHARS else ""


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
                self.watermark = max(self.watermark, next_offset)


class Ledger:
    """Positions of one partition while this worker owns it.

    Args:
        standing: where the group stood when it was opened.
        agents: who reads the partition.

    Attributes:
        position: offset of the next record to accept; earlier ones are repeats to drop.
        committed: what was last committed by this worker or found at the start.
        doubtful: a fetch may have been thrown away, so the next one must begin with a seek to
            `position`; only then is a hole in the offsets known to be real.
    """

    def __init__(self, standing: Standing, agents: Iterable[str]) -> None:
        self.position = standing.offset
        self.committed = standing
        self._found = standing
        self.doubtful = True
        self._accepted = 0
        self._progress = {
            agent: _Progress(watermark=standing.ahead.get(agent, standing.offset))
            for agent in agents
        }

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

    def done_before(self, agent: str) -> int:
        """The offset before which `agent` had done everything when the partition was opened."""
        return self._found.ahead.get(agent, self._found.offset)

    @property
    def watermark(self) -> int:
        """The offset that may be committed now."""
        return min(progress.watermark for progress in self._progress.values())

    @property
    def standing(self) -> Standing:
        """What may be committed now."""
        offset = self.watermark
        ahead = {
            agent: progress.watermark
            for agent, progress in self._progress.items()
            if progress.watermark > offset
        }
        return Standing(offset, ahead)

    @property
    def done(self) -> int:
        """The ordinal before which every record has its outcome with every agent."""
        return min(progress.done for progress in self._progress.values())

    @property
    def settled(self) -> bool:
        """Whether every accepted record has its outcome with every agent."""
        return self.done == self._accepted
