"""How an arm is drawn: probabilities in closed form, and a draw that a record decides."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.bandit.declaration import Bandit

Floats = NDArray[np.float64]

_DIGITS = 53
"""Binary digits of a double between 0 and 1."""


def greedy_shares(scores: Floats) -> Floats:
    """All for the best arm; what is equally good shares alike.

    Args:
        scores: `(..., arms)`.

    Returns:
        Probabilities of that shape, which sum to 1 over the arms.
    """
    best = scores == scores.max(axis=-1, keepdims=True)
    shares: Floats = best / best.sum(axis=-1, keepdims=True)
    return shares


def inverse_gap_shares(scores: Floats, sharpness: float) -> Floats:
    """Less for an arm the further it is behind the best (Foster and Rakhlin 2020, algorithm 1).

    Args:
        scores: `(arms,)`.
        sharpness: of one unit of score.

    Returns:
        `(arms,)` probabilities, which sum to 1.
    """
    best = int(np.argmax(scores))
    shares: Floats = 1 / (len(scores) + sharpness * (scores[best] - scores))
    # The best is behind by nothing and has one of `arms` parts yet; it takes what others leave.
    shares[best] += 1 - shares.sum()
    return shares


def shares_of(bandit: Bandit, scores: Floats, rewards: int) -> Floats:
    """The probability of each arm.

    Args:
        bandit: the declaration.
        scores: `(arms,)`, expected rewards.
        rewards: how many they were learnt from.

    Returns:
        `(arms,)`, which sum to 1.
    """
    if bandit.policy == "epsilon-greedy":
        shares = greedy_shares(scores)
    else:
        sharpness = bandit.sharpness * np.sqrt(rewards) / (bandit.highest - bandit.lowest)
        shares = inverse_gap_shares(scores, sharpness)
    return (1 - bandit.explore) * shares + bandit.explore / len(scores)


def draw(shares: Floats, seed: int, root: str) -> int:
    """An arm, drawn by these probabilities.

    A record has one lot: who reads it again, in whichever process, draws the same from the same
    probabilities. No generator is carried along, so none has to be laid down.

    Args:
        shares: `(arms,)` probabilities.
        seed: below `2**64`.
        root: the record.
    """
    key = seed.to_bytes(8, "little")
    lot = int.from_bytes(blake2b(root.encode(), digest_size=8, key=key).digest(), "little")
    uniform = (lot >> (64 - _DIGITS)) / 2**_DIGITS
    arm = int(np.searchsorted(np.cumsum(shares), uniform, side="right"))
    return min(arm, len(shares) - 1)
