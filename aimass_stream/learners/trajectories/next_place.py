"""A gated recurrent net that learns which place comes after those before it.

GRU4Rec (Hidasi, Karatzoglou, Baltrunas and Tikk, ICLR 2016) at its smallest, trained on each
place as it comes. Weights and Adam's moments are numbers in the snapshot; nothing random is drawn
after the weights are. Answers are made a sequence at a time in NumPy, so no neighbour has a part
in their last bits; torch makes the gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

Weights = NDArray[np.float32]

LATEST = 8
"""Places before the next one that are looked at."""

_WIDTH = 24
_RATE = 0.01
_BETAS = (0.9, 0.999)
_TINY = 1e-8
_NAMES = ("embedding", "input", "hidden", "input_shift", "hidden_shift", "out", "out_shift")
_BY_PLACE = {"embedding", "out", "out_shift"}


class NextPlace:
    """How probable each place is behind others.

    Args:
        places: how many there are; 0 to `places - 1`.
        seed: of the first weights.
    """

    def __init__(self, places: int, seed: int) -> None:
        draw = np.random.default_rng(seed)
        shapes = (
            (places, _WIDTH),
            (3 * _WIDTH, _WIDTH),
            (3 * _WIDTH, _WIDTH),
            (3 * _WIDTH,),
            (3 * _WIDTH,),
            (places, _WIDTH),
            (places,),
        )
        reach = _WIDTH**-0.5
        self._weights = [
            draw.uniform(-reach, reach, shape).astype(np.float32)
            if len(shape) > 1
            else np.zeros(shape, np.float32)
            for shape in shapes
        ]
        self._moments = [(np.zeros_like(one), np.zeros_like(one)) for one in self._weights]
        self._steps = 0

    def surprise(self, before: Sequence[int], place: int, known: int) -> float:
        """How unexpected a place is behind those before it, in bits.

        Args:
            before: the latest places, oldest first, one at least.
            place: the next.
            known: places that there are so far: it is one of the first of that many.
        """
        embedding, into, over, into_shift, over_shift, out, out_shift = self._weights
        hidden = np.zeros(_WIDTH, np.float32)
        for one in before[-LATEST:]:
            new = into @ embedding[one] + into_shift
            old = over @ hidden + over_shift
            reset = _sigmoid(new[:_WIDTH] + old[:_WIDTH])
            update = _sigmoid(new[_WIDTH : 2 * _WIDTH] + old[_WIDTH : 2 * _WIDTH])
            fresh = np.tanh(new[2 * _WIDTH :] + reset * old[2 * _WIDTH :])
            hidden = (1 - update) * fresh + update * hidden
        logits = (out[:known] @ hidden + out_shift[:known]).astype(np.float64)
        top = logits.max()
        return float((top + np.log(np.exp(logits - top).sum()) - logits[place]) / np.log(2))

    def learn(self, before: Sequence[int], place: int, known: int) -> None:
        """One step of Adam (Kingma and Ba, 2015) on a place as it came; see `surprise`."""
        # The process may be in inference mode, which forbids gradients.
        with torch.inference_mode(mode=False), torch.enable_grad():
            weights = [torch.from_numpy(one.copy()).requires_grad_() for one in self._weights]
            embedding, *cell, out, out_shift = weights
            hidden = torch.zeros(1, _WIDTH)
            for one in before[-LATEST:]:
                hidden = torch.gru_cell(embedding[one : one + 1], hidden, *cell)
            logits = hidden @ out[:known].T + out_shift[:known]
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor([place]))
            gradients = [one.numpy() for one in torch.autograd.grad(loss, weights)]
        self._steps += 1
        for i, gradient in enumerate(gradients):
            first, second = self._moments[i]
            first += np.float32(1 - _BETAS[0]) * (gradient - first)
            second += np.float32(1 - _BETAS[1]) * (gradient * gradient - second)
            first_mean = first / (1 - _BETAS[0] ** self._steps)
            second_mean = second / (1 - _BETAS[1] ** self._steps)
            step = _RATE * first_mean / (np.sqrt(second_mean) + _TINY)
            self._weights[i] -= step.astype(np.float32)

    def forget(self, place: int) -> None:
        """Know nothing of a place, so that its number can be another's."""
        for i, name in enumerate(_NAMES):
            if name in _BY_PLACE:
                for numbers in (self._weights[i], *self._moments[i]):
                    numbers[place] = 0

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], int]:
        """Weights and moments by name, float32, and how many steps they have had."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for name, weight, (first, second) in zip(_NAMES, self._weights, self._moments, strict=True):
            arrays |= {
                f"weight.{name}": weight.copy(),
                f"first.{name}": first.copy(),
                f"second.{name}": second.copy(),
            }
        return arrays, self._steps

    def restore(self, arrays: Mapping[str, NDArray[np.generic]], steps: int) -> None:
        """Have the weights that were laid down.

        Raises:
            ValueError: they are of another number of places.
        """
        shapes = [one.shape for one in self._weights]
        weights = [arrays[f"weight.{name}"].astype(np.float32) for name in _NAMES]
        if [one.shape for one in weights] != shapes:
            raise ValueError("a net of another number of places")
        self._weights = weights
        self._moments = [
            (arrays[f"first.{name}"].astype(np.float32), arrays[f"second.{name}"].astype("f4"))
            for name in _NAMES
        ]
        self._steps = steps


def _sigmoid(numbers: Weights) -> Weights:
    half = np.float32(0.5)
    squashed: Weights = half * np.tanh(half * numbers) + half
    return squashed
