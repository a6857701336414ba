"""The answer to a message: what is wanted, and what the message speaks of."""

from __future__ import annotations

from typing import Self

import msgspec

from aimass_stream.records.entities import Entities, Entity
from aimass_stream.records.prediction import Prediction


class Understanding(msgspec.Struct, frozen=True):
    """A message as it was understood.

    Attributes:
        intent: what its writer wants.
        entities: what it speaks of, in the order of the text.
    """

    intent: Prediction
    entities: list[Entity]

    @classmethod
    def of(cls, intent: Prediction, entities: Entities) -> Self:
        """The understanding that two models' answers make together."""
        return cls(intent, entities.entities)
