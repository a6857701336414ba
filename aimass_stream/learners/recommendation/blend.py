"""How much each member counts, learnt from which of them foresaw what came next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STAGES = (0, 1, 2, 4, 8)
_STEP = 0.1
_LEAST = 1e-4
_FIRST = 0.5


class Blend:
    """A listwise softmax over candidates: the score of an item is linear in what members say.

    Of every member two things are taken: the logarithm of an item's share of its votes, which
    multiplies what members agree on, and its votes beside those of the member's best. Weights
    follow the gradient of the log likelihood of the item that came (Cao et al., "Learning to
    rank: from pairwise approach to listwise approach", 2007), by Adagrad; others at each stage
    of a history, since popularity says more of a new user than of one well known.

    Args:
        members: how many.
    """

    def __init__(self, members: int) -> None:
        self._weights = np.full((len(_STAGES), 2 * members), _FIRST)
        self._squares = np.full((len(_STAGES), 2 * members), 1e-3)

    def scores(self, shares: Floats, known: int) -> Floats:
        """`(candidates,)` float64 of `(members, candidates)`, for a history of so many items.

        They are probabilities, as the blend has it.
        """
        scores = self._weights[_stage(known)] @ _features(shares)
        powers = np.exp(scores - scores.max(initial=0.0))
        chances: Floats = powers / powers.sum()
        return chances

    def speaking(self, shares: Floats, known: int) -> NDArray[np.int64]:
        """`(candidates,)`: the member that adds most to each candidate's score."""
        weights, features = self._weights[_stage(known)], _features(shares)
        added = (weights[:, None] * features).reshape(2, *shares.shape).sum(axis=0)
        loudest: NDArray[np.int64] = added.argmax(axis=0)
        return loudest

    def learn(self, shares: Floats, came: int, known: int) -> None:
        """Learn that the candidate at a place is what came."""
        stage, features = _stage(known), _features(shares)
        scores = self._weights[stage] @ features
        powers = np.exp(scores - scores.max())
        gradient = features @ (powers / powers.sum()) - features[:, came]
        self._squares[stage] += gradient * gradient
        self._weights[stage] -= _STEP * gradient / np.sqrt(self._squares[stage])

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Arrays."""
        return {"weights": self._weights.copy(), "squares": self._squares.copy()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Have what was laid down."""
        self._weights = arrays["weights"].astype(np.float64)
        self._squares = arrays["squares"].astype(np.float64)


def _features(shares: Floats) -> Floats:
    """`(2 * members, candidates)`, each number between 0 and 2."""
    logarithms = np.log(shares / _LEAST + 1.0) / 5.0
    best = shares.max(axis=1, initial=_LEAST / 100, keepdims=True)
    return np.concatenate([logarithms, shares / best])


def _stage(known: int) -> int:
    return int(np.searchsorted(_STAGES, known, side="right")) - 1
