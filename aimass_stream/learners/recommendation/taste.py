"""A user's taste: River's matrix factorisation, learnt from what was chosen and what was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.optim import SGD
from river.optim.initializers import Normal, Zeros
from river.optim.losses import Squared
from river.optim.schedulers import Constant
from river.reco import BiasedMF
from river.stats import Mean

from aimass_stream.learners.recommendation.growing import grown
from aimass_stream.learners.river_codec import Codec

Slots = NDArray[np.int32]

_CODEC = Codec([BiasedMF, SGD, Constant, Normal, Zeros, Squared, Mean])


class Taste:
    """River's BiasedMF on 1 for a chosen item and 0 for one drawn beside it.

    River ranks item by item, 15 µs each; its numbers are mirrored in arrays to rank all
    candidates at once.

    Args:
        factors: numbers of a taste.
        rate: of learning.
        seed: of first tastes and of drawn items.
    """

    def __init__(self, factors: int, rate: float, seed: int) -> None:
        self._model = BiasedMF(
            n_factors=factors,
            bias_optimizer=SGD(rate),
            latent_optimizer=SGD(rate),
            l2_latent=0.01,
            weight_initializer=Zeros(),
            latent_initializer=Normal(sigma=0.1, seed=seed),
            seed=seed,
        )
        self._factors: NDArray[np.float64] = np.zeros((0, factors))
        self._biases: NDArray[np.float64] = np.zeros(0)

    def fit(self, items: int) -> None:
        """Have room for so many items."""
        self._factors = grown(self._factors, items, 0)
        self._biases = grown(self._biases, items, 0)

    def learn(self, user: str, item: int, other: int) -> None:
        """Learn that a user chose an item and not another."""
        for chosen, told in ((item, 1.0), (other, 0.0)):
            if chosen == item and told == 0.0:
                continue
            self._model.learn_one(user=user, item=chosen, y=told)
            self._factors[chosen] = self._model.i_latents[chosen]
            self._biases[chosen] = self._model.i_biases[chosen]

    def of(self, user: str, items: Slots) -> NDArray[np.float64]:
        """How well items suit a user; higher for better. An unknown user has no taste."""
        # `get`, since a defaultdict would learn the user by being asked.
        taste = self._model.u_latents.get(user)
        suits = self._biases[items]
        return suits if taste is None else suits + self._factors[items] @ taste

    def forget_user(self, user: str) -> None:
        """Drop a user."""
        self._model.u_latents.pop(user, None)
        self._model.u_biases.pop(user, None)

    def forget(self, slots: Slots) -> None:
        """Drop items."""
        for slot in slots.tolist():
            self._model.i_latents.pop(slot, None)
            self._model.i_biases.pop(slot, None)
        self._factors[slots] = 0
        self._biases[slots] = 0

    def snapshot(self) -> dict[str, Any]:
        """River's model as plain data."""
        return {"model": _CODEC.encode(self._model), "room": len(self._biases)}

    def restore(self, data: Mapping[str, Any]) -> None:
        """Have the model that was laid down."""
        self._model = _CODEC.decode(data["model"])
        self._factors = np.zeros((data["room"], self._factors.shape[1]))
        self._biases = np.zeros(data["room"])
        slots = np.array(list(self._model.i_latents), np.int64)
        for slot in slots.tolist():
            self._factors[slot] = self._model.i_latents[slot]
            self._biases[slot] = self._model.i_biases[slot]
