"""What other policies would have earned, told from choices that one policy made.

Each choice is weighed by how probable it is under the other policy, beside how probable it was
when it was made (`Choice.propensity`). The intervals are those of a normal distribution. Choices
of a bandit that learns depend on those before, and the intervals hold all the same as long as
records come independently of each other: the difference of each weighed reward from what is
estimated has a mean of 0, whatever came before. They are too narrow where few choices carry the
weight, which `Worth.effective` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.bandit.policy import Floats, greedy_shares

_DEVIATIONS = 1.959963984540054
"""Of a normal distribution, that hold 95 % of it."""


@dataclass(frozen=True)
class Logged:
    """Choices whose reward is known.

    Attributes:
        arms: `(choices,)` index of what was drawn.
        propensities: `(choices,)` probability of that.
        rewards: `(choices,)`.
        scores: `(choices, arms)`, the rewards expected before.
    """

    arms: NDArray[np.int64]
    propensities: Floats
    rewards: Floats
    scores: Floats


class Estimated(NamedTuple):
    """A mean reward and how far it may be off.

    Attributes:
        mean: a choice.
        low: where its 95 % interval begins.
        high: where it ends.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Worth:
    """What a policy would have earned a choice; None where the log does not say.

    Attributes:
        policy: `always NAME`, `uniform` or `greedy` (the best score of each moment).
        effective: choices that would say as much, had the policy made them itself (Kish 1965).
        ips: inverse propensity scoring (Horvitz and Thompson 1952).
        self_normalised: the same over the sum of its weights (Swaminathan and Joachims 2015).
        doubly_robust: with the scores in it, which leave less to chance the better they are
            (Dudík, Langford and Li 2011).
    """

    policy: str
    effective: float
    ips: Estimated | None
    self_normalised: Estimated | None
    doubly_robust: Estimated | None


def earned(logged: Logged) -> Estimated | None:
    """What the choices did earn; None of fewer than two."""
    return _mean_of(logged.rewards) if len(logged.rewards) > 1 else None


def worths(logged: Logged, names: Sequence[str]) -> list[Worth]:
    """What each arm alone, the uniform policy and the greedy one would have earned.

    Args:
        logged: choices whose reward is known.
        names: of the arms, in the order of `Logged.scores`.
    """
    count, arms = logged.scores.shape
    found = [
        _worth(f"always {name}", logged, np.tile(np.eye(arms)[arm], (count, 1)))
        for arm, name in enumerate(names)
    ]
    found.append(_worth("uniform", logged, np.full((count, arms), 1 / arms)))
    found.append(_worth("greedy", logged, greedy_shares(logged.scores)))
    return found


def _worth(policy: str, logged: Logged, shares: Floats) -> Worth:
    """Judge a policy with these probabilities, `(choices, arms)`."""
    rows = np.arange(len(logged.arms))
    weights = shares[rows, logged.arms] / logged.propensities
    carrying = int(np.count_nonzero(weights))
    if carrying < 2:
        return Worth(policy, float(carrying), None, None, None)
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    left = logged.rewards - logged.scores[rows, logged.arms]
    robust = (shares * logged.scores).sum(axis=1) + weights * left
    return Worth(
        policy,
        effective,
        _mean_of(weights * logged.rewards),
        _ratio_of(weights, logged.rewards),
        _mean_of(robust),
    )


def _mean_of(terms: Floats) -> Estimated:
    mean = float(terms.mean())
    return _interval(mean, float(terms.std(ddof=1)) / len(terms) ** 0.5)


def _ratio_of(weights: Floats, rewards: Floats) -> Estimated:
    total = weights.sum()
    mean = float((weights * rewards).sum() / total)
    return _interval(mean, float(np.sqrt((weights**2 * (rewards - mean) ** 2).sum()) / total))


def _interval(mean: float, error: float) -> Estimated:
    return Estimated(mean, mean - _DEVIATIONS * error, mean + _DEVIATIONS * error)
