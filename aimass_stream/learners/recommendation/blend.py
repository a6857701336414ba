"""How much each member counts, learnt from which of them foresaw what came next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Floats = NDArray[np.float64]

_STAGES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
_STEP = 0.7
_LEAST = 1e-4
_FIRST = 0.5
_MIXTURE_STEP = 0.01
_MIXTURE_FIRST = 20
_MIXTURE_COUNTS = 0.3
_AT_LEAST = 0.02
_SHORTLIST = 200


class Blend:
    """Two ways to weigh members, and a mean of their probabilities.

    * A mixture: an item's probability is the sum of its shares of members' votes, each times a
      weight, by online EM (Cappé and Moulines, 2009). It cannot do much worse than its best
      member, also where people come to behave otherwise than it learnt. It also chooses the
      items that the other looks at.
    * A listwise softmax (Cao et al., "Learning to rank: from pairwise approach to listwise
      approach", 2007), by Adagrad, linear in the logarithms of the shares, which multiplies
      what members agree on, in the shares beside each member's largest, and in traits of
      items. It is the sharper of the two where people behave as they did.

    Weights differ by the stage of a history, since popularity says more of a new user than of
    one well known.

    Args:
        members: how many.
        traits: how many.
    """

    def __init__(self, members: int, traits: int) -> None:
        stages, features = len(_STAGES), 2 * members + traits
        self._mixture = np.full((stages, members), 1 / members)
        self._learnt = np.zeros(stages, np.int64)
        self._weights = np.full((stages, features), _FIRST)
        self._weights[:, 2 * members :] = 0
        self._squares = np.full((stages, features), 1e-3)

    def shortlist(self, shares: Singles, events: int) -> NDArray[np.int64] | None:
        """Which of `(members, candidates)` to look at more closely; None for all of them.

        Args:
            shares: what part of each member's votes candidates have.
            events: of the user so far.
        """
        if shares.shape[1] <= _SHORTLIST:
            return None
        weights = (self._mixture[_stage(events)] + _AT_LEAST).astype(np.float32)
        return np.argpartition(-(weights @ shares), _SHORTLIST)[:_SHORTLIST]

    def chances(self, shares: Singles, traits: Singles, events: int) -> Floats:
        """`(candidates,)` probabilities of `(members, candidates)` and their traits."""
        stage = _stage(events)
        sharp = _softmax(self._weights[stage].astype(np.float32) @ _features(shares, traits))
        safe = self._mixture[stage] @ shares
        chances: Floats = (sharp + _MIXTURE_COUNTS * safe) / (1 + _MIXTURE_COUNTS)
        return chances

    def speaking(self, shares: Singles, events: int) -> NDArray[np.int64]:
        """`(candidates,)`: the member with the largest part in each item's mixture."""
        loudest: NDArray[np.int64] = (self._mixture[_stage(events)][:, None] * shares).argmax(
            axis=0
        )
        return loudest

    def learn(self, shares: Singles, traits: Singles, came: int, events: int) -> None:
        """Learn that the candidate at a place is what came."""
        stage = _stage(events)
        blame = self._mixture[stage] * shares[:, came]
        total = float(blame.sum())
        if total > 0:
            step = max(_MIXTURE_STEP, 1 / (int(self._learnt[stage]) + _MIXTURE_FIRST))
            self._mixture[stage] += step * (blame / total - self._mixture[stage])
            self._learnt[stage] += 1
        features = _features(shares, traits)
        expected = features @ _softmax(self._weights[stage].astype(np.float32) @ features)
        gradient = (expected - features[:, came]).astype(np.float64)
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


def _features(shares: Singles, traits: Singles) -> Singles:
    """`(2 * members + traits, candidates)`, most of them between 0 and 2."""
    members = len(shares)
    features = np.empty((2 * members + len(traits), shares.shape[1]), np.float32)
    np.multiply(shares, np.float32(1 / _LEAST), out=features[:members])
    # Several times as fast as log1p, and as good for what is this rough.
    features[:members] += 1
    np.log(features[:members], out=features[:members])
    features[:members] *= np.float32(0.2)
    best = shares.max(axis=1, initial=_LEAST / 100, keepdims=True)
    np.divide(shares, best, out=features[members : 2 * members])
    features[2 * members :] = traits
    return features


def _softmax(scores: Singles) -> Singles:
    powers = np.exp(scores - scores.max()) if len(scores) else scores
    softmax: Singles = powers / max(float(powers.sum()), 1e-30)
    return softmax


def _stage(events: int) -> int:
    return int(np.searchsorted(_STAGES, events, side="right")) - 1
