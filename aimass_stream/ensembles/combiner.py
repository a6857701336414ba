"""Fitted weights that make one answer of several: what `stacking` needs beside its members.

A multinomial logistic regression on the logarithms of the members' probabilities (Wolpert, Stacked
Generalization, 1992; with class probabilities as Ting and Witten, Issues in Stacked
Generalization, 1999, found best). In device processes and in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from aimass_stream.error_text import describe
from aimass_stream.errors import SetupError
from aimass_stream.records import Prediction

LEAST = 1e-6
"""A probability below this counts as this: there is no logarithm of 0."""

_DESCRIPTION = "combiner.json"
_WEIGHTS = "combiner.safetensors"

Floats = NDArray[np.float64]


class _Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    labels: list[str]
    members: int


class Combiner:
    """What makes probabilities of the labels of what members say of a record.

    Args:
        labels: what is told apart.
        weights: `(labels, members, labels)`: for each label that may be answered, how much the
            logarithm of each member's probability of each label speaks for it.
        bias: `(labels,)`.

    Raises:
        ValueError: the shapes do not fit each other, or a number is not finite.
    """

    def __init__(self, labels: Sequence[str], weights: Floats, bias: Floats) -> None:
        self.labels = list(labels)
        self.members = weights.shape[1] if weights.ndim == 3 else 0
        count = len(self.labels)
        if weights.shape != (count, self.members, count) or bias.shape != (count,) or not count:
            raise ValueError(f"weights {weights.shape} and bias {bias.shape} for {count} labels")
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            raise ValueError("its numbers are not all finite")
        # safetensors writes arrays as they lie in memory, whatever their order.
        self._weights: Floats = np.ascontiguousarray(weights, np.float64)
        self._bias: Floats = np.ascontiguousarray(bias, np.float64)

    def combine(self, answers: Sequence[Prediction | None]) -> dict[str, float]:
        """The probability of each label, by what each member said; None where it said nothing.

        Of one that said nothing it is supposed that it says what the others say on average.
        """
        evidence = features(answers, self.labels)
        logits = np.tensordot(self._weights, evidence, axes=2) + self._bias
        shares = np.exp(logits - logits.max())
        return dict(zip(self.labels, (shares / shares.sum()).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write the two files that `load` reads, into a folder that is there."""
        description = _Description(self.labels, self.members)
        (folder / _DESCRIPTION).write_bytes(msgspec.json.encode(description) + b"\n")
        save_file({"weights": self._weights, "bias": self._bias}, folder / _WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> Combiner:
        """The combiner in a folder.

        Raises:
            SetupError: there is none, or none that fits what it says of itself.
        """
        try:
            found = msgspec.json.decode((folder / _DESCRIPTION).read_bytes(), type=_Description)
            arrays = load_file(folder / _WEIGHTS)
            made = cls(found.labels, arrays["weights"], arrays["bias"])
            if made.members != found.members:
                raise ValueError(f"weights of {made.members} members, not of {found.members}")  # noqa: TRY301 - told as the others
        except Exception as error:  # the formats' readers raise errors of many families
            raise SetupError(
                f"The combiner in {folder} cannot be loaded ({describe(error)}). "
                "`python -m aimass_stream.training.stacking` fits one."
            ) from error
        return made


def features(answers: Sequence[Prediction | None], labels: Sequence[str]) -> Floats:
    """What a combiner is given of one record: `(members, labels)` logarithms of probabilities.

    Args:
        answers: of each member, at least one of them not None.
        labels: what is told apart.
    """
    said = [answer for answer in answers if answer is not None]
    rows = {id(answer): _row(answer, labels) for answer in said}
    usual = np.mean([rows[id(answer)] for answer in said], axis=0)
    table = np.array([usual if answer is None else rows[id(answer)] for answer in answers])
    logarithms: Floats = np.log(np.maximum(table, LEAST))
    return logarithms


def _row(answer: Prediction, labels: Sequence[str]) -> Floats:
    scores = scores_of(answer)
    return np.array([scores.get(label, 0.0) for label in labels])


def scores_of(answer: Prediction) -> dict[str, float]:
    """The probabilities that an answer tells: at least that of its label."""
    return answer.scores or {answer.label: answer.score}
