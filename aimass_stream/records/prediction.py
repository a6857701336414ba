"""The answer of a classifier."""

from __future__ import annotations

import msgspec


class Prediction(msgspec.Struct, frozen=True):
    """A label and how sure the model is.

    Attributes:
        label: the most probable label.
        score: its probability, 0 to 1.
        scores: the most probable labels with their probabilities, best first; as many as the
            model's declaration asks for.
    """

    label: str
    score: float
    scores: dict[str, float] = {}
