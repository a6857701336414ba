"""How much each member counts, learnt from which of them foresaw what came next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STAGES = (0, 1, 2, 4, 8)
_STEP = 0.4
_LEAST = 1e-4
_FIRST = 0.5
_MIXTURE_STEP = 0.01
_MIXTURE_FIRST = 20


class Blend:
    """Two ways to weigh members, and the mean of their probabilities.

    * A mixture: an item's probability is the sum of its shares of members' votes, each times a
      weight, by online EM (Cappé and Moulines, 2009). It cannot do much worse than its best
      member, also where people come to behave otherwise than it learnt.
    * A listwise softmax (Cao et al., "Learning to rank: from pairwise approach to listwise
      approach", 2007), by Adagrad, linear in the logarithms of the shares, which multiplies
      what members agree on, and in the shares beside each member's largest. It is the sharper
      of the two where people behave as they did.

    Weights differ by the stage of a history, since popularity says more of a new user than of
    one well known.

    Args:
        members: how many.
    """

    def __init__(self, members: int) -> None:
        stages = len(_STAGES)
        self._mixture = np.full((stages, members), 1 / members)
        self._learnt = np.zeros(stages, np.int64)
        self._weights = np.full((stages, 2 * members), _FIRST)
        self._squares = np.full((stages, 2 * members), 1e-3)

    def chances(self, shares: Floats, known: int) -> Floats:
        """`(candidates,)` probabilities of `(members, candidates)`, for so many items known."""
        stage = _stage(known)
        chances: Floats = (
            _softmax(self._weights[stage] @ _features(shares)) + self._mixture[stage] @ shares
        ) / 2
        return chances

    def speaking(self, shares: Floats, known: int) -> NDArray[np.int64]:
        """`(candidates,)`: the member with the largest part in each item's mixture."""
        loudest: NDArray[np.int64] = (self._mixture[_stage(known)][:, None] * shares).argmax(axis=0)
        return loudest

    def learn(self, shares: Floats, came: int, known: int) -> None:
        """Learn that the candidate at a place is what came."""
        stage = _stage(known)
        blame = self._mixture[stage] * shares[:, came]
        total = float(blame.sum())
        if total > 0:
            step = max(_MIXTURE_STEP, 1 / (int(self._learnt[stage]) + _MIXTURE_FIRST))
            self._mixture[stage] += step * (blame / total - self._mixture[stage])
            self._learnt[stage] += 1
        features = _features(shares)
        expected = features @ _softmax(self._weights[stage] @ features)
        gradient = expected - features[:, came]
        self._squares[stage] += gradient * gradient
        self._weights[stage] -= _STEP * gradient / np.sqrt(self._squares[stage])

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Arrays."""
        return {
            "mixture": self._mixture.copy(),
            "learnt": self._learnt.copy(),
            "weights": self._weights.copy(),
            "squares": self._squares.copy(),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have what was laid down."""
        self._mixture = arrays["mixture"].astype(np.float64)
        self._learnt = arrays["learnt"].astype(np.int64)
        self._weights = arrays["weights"].astype(np.float64)
        self._squares = arrays["squares"].astype(np.float64)


def _features(shares: Floats) -> Floats:
    """`(2 * members, candidates)`, each number between 0 and 2."""
    logarithms = np.log(shares / _LEAST + 1.0) / 5.0
    best = shares.max(axis=1, initial=_LEAST / 100, keepdims=True)
    return np.concatenate([logarithms, shares / best])


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max()) if len(scores) else scores
    softmax: Floats = powers / max(float(powers.sum()), 1e-300)
    return softmax


def _stage(known: int) -> int:
    return int(np.searchsorted(_STAGES, known, side="right")) - 1
