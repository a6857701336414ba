"""A deep autoencoder trained on the stream.

Weights, Adam's moments and the records it replays are numbers in the snapshot; nothing random
is drawn after the weights are, and which records are replayed follows from counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.detectors import AutoencoderDetector
from aimass_stream.learners.anomaly.judges import Look, RankedEye
from aimass_stream.learners.anomaly.state import DetectorState, features_of
from aimass_stream.learners.arrays import row_products
from aimass_stream.learners.features import Column, Floats

_BETAS = (0.9, 0.999)
_TINY = 1e-8
_REACH = 8.0
_TRUSTED_ROWS = 128
_SETTLED_ROWS = 512
_ROBUST_FROM = 0.1
_ERROR_MEMORY = 3_200
_ERROR_CLIPPED_AT = 9.0
_LEAST_ERROR = 1e-3
_NARROWEST = 2 / 3


class AutoencoderEye:
    """How badly a row is rebuilt: the mean of its columns' squared errors, each in its usual one.

    A column that is rebuilt well as a rule betrays by little what a column that never is does
    not betray by much. So each squared error is divided by its running mean, in which what is
    beyond nine times that counts as nine times.

    Args:
        detector: the declaration.
        columns: of a row.
    """

    def __init__(self, detector: AutoencoderDetector, columns: Sequence[Column]) -> None:
        self._detector = detector
        # Of a row of few numbers a code as wide as the row would let everything pass.
        code = max(1, min(detector.hidden[-1], round(_NARROWEST * len(columns))))
        sizes = [len(columns), *detector.hidden[:-1], code]
        self._sizes = [*sizes, *reversed(sizes[:-1])]
        self._weights = _first_weights(self._sizes, detector.seed)
        self._moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in self._weights]
        self._steps = 0
        self._learnt = 0
        self._replay: NDArray[np.float32] = np.empty((0, len(columns)), np.float32)
        self._usual_error: Floats = np.ones(len(columns))

    def score(self, look: Look) -> Floats:
        """`(rows,)` float64; NaN before a first few blocks were learnt."""
        if self._learnt < _TRUSTED_ROWS:
            return np.full(len(look.spreads), np.nan)
        rows = _squeezed(look)
        rebuilt = _rebuilt_alone(rows, self._weights)
        raw: Floats = (_squared(rows, rebuilt) / (self._usual_error + _LEAST_ERROR)).mean(axis=1)
        return raw

    def learn(self, look: Look) -> None:
        """Train on a block beside records from before it."""
        rows = _squeezed(look)
        for step in range(self._detector.passes):
            rebuilt = self._step(np.concatenate([rows, self._replayed(len(rows))]))
            if step == 0:
                self._learn_errors(_squared(rows, rebuilt[: len(rows)]))
        self._learnt += len(rows)
        self._replay = np.concatenate([self._replay, rows])[-self._detector.replay_records :]

    def snapshot(self) -> Snapshot:
        """Weights, moments and the records to replay."""
        arrays: dict[str, NDArray[np.generic]] = {
            "replay": self._replay,
            "usual_error": self._usual_error,
        }
        for i, (weight, (first, second)) in enumerate(
            zip(self._weights, self._moments, strict=True)
        ):
            arrays[f"weight.{i}"] = weight.copy()
            arrays |= {f"first.{i}": first.copy(), f"second.{i}": second.copy()}
        return Snapshot(arrays, {"steps": self._steps, "learnt": self._learnt})

    def restore(self, snapshot: Snapshot) -> None:
        """Have the weights that were laid down.

        Raises:
            ValueError: they are of other layers.
        """
        arrays, data = snapshot
        shapes = [weight.shape for weight in self._weights]
        self._weights = [arrays[f"weight.{i}"].astype(np.float32) for i in range(len(shapes))]
        if [weight.shape for weight in self._weights] != shapes:
            raise ValueError("an autoencoder of other layers")
        self._moments = [
            (arrays[f"first.{i}"].astype(np.float32), arrays[f"second.{i}"].astype(np.float32))
            for i in range(len(shapes))
        ]
        self._replay = arrays["replay"].astype(np.float32)
        self._usual_error = arrays["usual_error"].astype(np.float64)
        self._steps, self._learnt = data["steps"], data["learnt"]

    def _replayed(self, rows: int) -> NDArray[np.float32]:
        """As many earlier records, spread over all that are kept; others at every step."""
        kept = len(self._replay)
        if not kept:
            return self._replay
        # A stride near the golden ratio visits all of them evenly.
        places = (np.arange(rows) * 0.618034 + self._steps * 0.381966) % 1.0
        return self._replay[(places * kept).astype(np.int64)]

    def _learn_errors(self, errors: Floats) -> None:
        """Move the usual errors towards those of a block that was not trained on yet.

        They are clipped once they have settled: in the beginning most are news.
        """
        if self._learnt >= _SETTLED_ROWS:
            errors = np.minimum(errors, _ERROR_CLIPPED_AT * self._usual_error)
        share = len(errors) / min(self._learnt + len(errors), _ERROR_MEMORY)
        self._usual_error = self._usual_error + min(share, 1.0) * (
            errors.mean(axis=0) - self._usual_error
        )

    def _step(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """One step of Adam (Kingma and Ba, 2015) on the mean of a robust error.

        Returns:
            The rows as they were rebuilt before it.
        """
        # The process may be in inference mode, which forbids gradients.
        with torch.inference_mode(mode=False), torch.enable_grad():
            weights = [torch.from_numpy(w.copy()).requires_grad_() for w in self._weights]
            batch = torch.from_numpy(rows)
            rebuilt = _rebuild(batch, weights)
            # What is off counts by its distance, not its square: anomalies are not learnt.
            error = torch.nn.functional.huber_loss(rebuilt, batch, delta=_ROBUST_FROM)
            gradients: list[NDArray[np.float32]] = [
                g.numpy() for g in torch.autograd.grad(error, weights)
            ]
        self._steps += 1
        rate = self._detector.learning_rate
        for i, gradient in enumerate(gradients):
            first, second = self._moments[i]
            first += np.float32(1 - _BETAS[0]) * (gradient - first)
            second += np.float32(1 - _BETAS[1]) * (gradient * gradient - second)
            first_mean = first / (1 - _BETAS[0] ** self._steps)
            second_mean = second / (1 - _BETAS[1] ** self._steps)
            self._weights[i] -= rate * first_mean / (np.sqrt(second_mean) + _TINY)
        before: NDArray[np.float32] = rebuilt.detach().numpy()
        return before


def _first_weights(sizes: Sequence[int], seed: int) -> list[NDArray[np.float32]]:
    """A matrix and a row of shifts for each layer (Glorot and Bengio, 2010)."""
    draw = np.random.default_rng(seed)
    weights: list[NDArray[np.float32]] = []
    for into, out in pairwise(sizes):
        reach = (6 / (into + out)) ** 0.5
        weights.append(draw.uniform(-reach, reach, (into, out)).astype(np.float32))
        weights.append(np.zeros(out, np.float32))
    return weights


def _rebuild(rows: torch.Tensor, weights: Sequence[torch.Tensor]) -> torch.Tensor:
    last = len(weights) - 2
    for i in range(0, len(weights), 2):
        rows = torch.addmm(weights[i + 1], rows, weights[i])
        if i < last:
            rows = torch.tanh(rows)
    return rows


def _rebuilt_alone(
    rows: NDArray[np.float32], weights: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """As `_rebuild`, but for the last bits, which here no other row has a part in."""
    last = len(weights) - 2
    for i in range(0, len(weights), 2):
        rows = row_products(rows, weights[i]) + weights[i + 1]
        if i < last:
            rows = np.tanh(rows)
    return rows


def _squared(rows: NDArray[np.float32], rebuilt: NDArray[np.float32]) -> Floats:
    """`(rows, columns)` float64: squared errors, in squared spreads."""
    return (rows.astype(np.float64) - rebuilt) ** 2


def _squeezed(look: Look) -> NDArray[np.float32]:
    """Spreads, beyond 8 only as far as their logarithm, so that no record blinds the others."""
    away = np.abs(look.spreads)
    beyond = _REACH + np.log1p(np.maximum(away - _REACH, 0.0))
    return (np.sign(look.spreads) * np.minimum(away, beyond)).astype(np.float32)


class AutoencoderState(DetectorState):
    """The `LearnerState` of `AutoencoderDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        detector = AutoencoderDetector("state", **settings)
        features = features_of(detector)
        eye = AutoencoderEye(detector, features.columns)
        super().__init__(detector, RankedEye(eye, detector.compared_records), features)
