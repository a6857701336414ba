"""The declaration of a topic: its name, what lies on it, and how it is keyed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Topic(Generic[T]):
    """A topic of records or answers of one type.

    Attributes:
        name: the topic's name on the broker.
        type: a `Record` type for inputs, a `msgspec.Struct` for answers.
        key: the field the producers of this topic take the key from; None leaves it to them.
        partitions: how many to create; the source's for answers, else the setting.
        compacted: the latest value per key is kept and older ones go: for feeds that are read
            by key. Counts when the topic is created. A record without a key is
            dead-lettered where its answer would go to such a topic.
    """

    name: str
    type: type[T]
    key: str | None = None
    partitions: int | None = None
    compacted: bool = False
