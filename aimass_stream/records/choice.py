"""The answer of a bandit: which of several arms a record gets."""

from __future__ import annotations

import msgspec


class Choice(msgspec.Struct, frozen=True):
    """An arm that was drawn, and what it takes to say later what others would have earned.

    Attributes:
        arm: what was drawn.
        propensity: the probability with which it was, above 0, at most 1.
        scores: the reward expected of each arm, in the order of the declaration.
    """

    arm: str
    propensity: float
    scores: dict[str, float]
