"""Answers of models that give a number, or any number of labels."""

from __future__ import annotations

import msgspec


class Estimate(msgspec.Struct, frozen=True):
    """A number, in whatever unit the model was trained on.

    Attributes:
        values: by the names of the model's outputs.
    """

    values: dict[str, float]

    @property
    def value(self) -> float:
        """The first number; of most models the only one."""
        return next(iter(self.values.values()))


class Labels(msgspec.Struct, frozen=True):
    """Every label that applies; none may.

    Attributes:
        labels: those whose score is at least the declaration's `threshold`, best first.
        scores: the probability of the best labels, each for itself, 0 to 1, best first; as many
            as the declaration's `top`, whether they apply or not.
    """

    labels: list[str]
    scores: dict[str, float]
