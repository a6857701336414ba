"""How much each member counts, learnt from which of them foresaw what came next."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

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


class Look(NamedTuple):
    """Candidates, looked at closely.

    Attributes:
        shares: `(members, candidates)` float32: what part of each member's votes they have.
        features: `(2 * members + traits, candidates)` float32, most of them between 0 and 2.
        sharp: `(candidates,)` float32: the softmax.
        events: of the user so far.
    """

    shares: Singles
    features: Singles
    sharp: Singles
    events: int


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
        weights = (-_AT_LEAST - self._mixture[_stage(events)]).astype(np.float32)
        worst_last: Singles = weights @ shares
        return worst_last.argpartition(_SHORTLIST)[:_SHORTLIST]

    def look(self, shares: Singles, traits: Singles, events: int) -> Look:
        """Look at candidates closely.

        Args:
            shares: `(members, candidates)`.
            traits: `(traits, candidates)`.
            events: of the user so far.
        """
        features = _features(shares, traits)
        scores = self._weights[_stage(events)].astype(np.float32) @ features
        return Look(shares, features, _softmax(scores), events)

    def chances(self, look: Look) -> Floats:
        """`(candidates,)` probabilities."""
        safe: Floats = self._mixture[_stage(look.events)] @ look.shares
        safe *= _MIXTURE_COUNTS
        safe += look.sharp
        safe *= 1 / (1 + _MIXTURE_COUNTS)
        return safe

    def speaking(self, look: Look, which: NDArray[np.int64]) -> NDArray[np.int64]:
        """`(which,)`: of some candidates, the member with the largest part in the mixture."""
        parts = self._mixture[_stage(look.events)][:, None] * look.shares[:, which]
        loudest: NDArray[np.int64] = parts.argmax(axis=0)
        return loudest

    def learn(self, look: Look, came: int) -> None:
        """Learn that the candidate at a place is what came.

        Nothing may have been learnt since the look.
        """
        stage = _stage(look.events)
        mixture = self._mixture[stage]
        blame = mixture * look.shares[:, came]
        total = float(np.add.reduce(blame))
        if total > 0:
            step = max(_MIXTURE_STEP, 1 / (int(self._learnt[stage]) + _MIXTURE_FIRST))
            blame *= step / total
            mixture *= 1 - step
            mixture += blame
            self._learnt[stage] += 1
        gradient = (look.features @ look.sharp - look.features[:, came]).astype(np.float64)
        squares = self._squares[stage]
        squares += gradient * gradient
        gradient *= -_STEP
        gradient /= np.sqrt(squares)
        self._weights[stage] += gradient

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
    members = len(shares)
    features = np.empty((2 * members + len(traits), shares.shape[1]), np.float32)
    logarithms = features[:members]
    np.multiply(shares, np.float32(1 / _LEAST), out=logarithms)
    # Several times as fast as log1p, and as good for what is this rough.
    logarithms += 1
    np.log(logarithms, out=logarithms)
    logarithms *= np.float32(0.2)
    best = np.maximum.reduce(shares, axis=1, initial=_LEAST / 100)
    np.divide(shares, best[:, None], out=features[members : 2 * members])
    features[2 * members :] = traits
    return features


def _softmax(scores: Singles) -> Singles:
    if not len(scores):
        return scores
    scores -= np.maximum.reduce(scores)
    np.exp(scores, out=scores)
    scores /= np.add.reduce(scores)
    return scores


def _stage(events: int) -> int:
    return bisect_right(_STAGES, events) - 1
