"""The answer of a model that finds entities in a text."""

from __future__ import annotations

import msgspec


class Entity(msgspec.Struct, frozen=True):
    """A part of a text that means something of a kind.

    Attributes:
        label: the kind, e.g. `city`.
        start: its first character in the text, counted from 0.
        end: the character after its last.
        text: the part itself, as it was sent.
        score: how sure the model is, 0 to 1: the mean over its words.
    """

    label: str
    start: int
    end: int
    text: str
    score: float


class Entities(msgspec.Struct, frozen=True):
    """The entities of a text.

    Attributes:
        entities: in the order of the text; they do not overlap.
    """

    entities: list[Entity] = []
