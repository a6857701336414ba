"""An act: one part of the demo's stream, its truth, and the judgement of its answers.

Nothing is shared between an act and what answers it: the truth travels in no record.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aimass_stream.kafka.sender import Place
from aimass_stream.verify.oracle import Account, Watched

Accounts = Mapping[str, Account]
"""What the oracle knows, by agent."""


@dataclass(frozen=True, slots=True)
class Item:
    """One record to send, and what is true of it.

    Attributes:
        topic: where to.
        truth: what the act needs to know to judge the answer.
        broken: how it is broken on purpose; None for one that is to be answered.
        timestamp_ms: event time; the time of sending where not given.
    """

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()
    truth: Any = None
    broken: str | None = None
    timestamp_ms: int | None = None


class Act(ABC):
    """Makes records and judges what became of them.

    Attributes:
        topic: the topic it fills.
        share: its share of the demo's rate, beside the other acts'.
        watched: the agents that its records pass, with the topics they read and write.
        models: registered models its agents need, and what trains each.
    """

    topic: ClassVar[str]
    share: ClassVar[float]
    watched: ClassVar[Sequence[Watched]]
    models: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def next(self) -> Item:
        """The next record."""

    @abstractmethod
    def note(self, place: Place, item: Item) -> None:
        """A record that is to be answered lies on its topic, at this partition and offset."""

    def follow_up(self, elapsed_s: float) -> Iterable[Item]:
        """Records that are due now because of earlier ones; asked for several times a second."""
        del elapsed_s
        return ()

    @abstractmethod
    def judge(self, accounts: Accounts) -> dict[str, Any]:
        """What the report says of the answers, each figure beside a baseline."""


def share_of(part: int, whole: int) -> float | None:
    """A share, rounded to four digits; None of nothing."""
    return round(part / whole, 4) if whole else None
