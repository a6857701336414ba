"""Accuracy, Brier score and calibration over the latest answers whose label is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Figures(NamedTuple):
    """What a window of labelled answers says.

    Attributes:
        accuracy: share that was right.
        brier: mean squared error of probabilities over all labels, 0 to 2.
        calibration_error: expected calibration error, 0 to 1.
        labelled: answers of the window.
    """

    accuracy: float
    brier: float
    calibration_error: float
    labelled: int


class LabelledWindow:
    """The latest answers whose label is known, numbered as their labels came.

    Args:
        records: that are kept.
    """

    def __init__(self, records: int) -> None:
        self.count = 0
        self._right = np.zeros(records, np.bool_)
        self._confidence = np.zeros(records)
        self._brier = np.zeros(records)

    def add(self, shares: Mapping[int, float], label: int, labels: int) -> int:
        """Add an answer with its label; gives the number it is corrected by.

        Args:
            shares: its probabilities by index of label, the most probable first.
            label: what it should have been.
            labels: how many there are.
        """
        number = self.count
        self.count += 1
        self._put(number, shares, label, labels)
        return number

    def correct(self, number: int, shares: Mapping[int, float], label: int, labels: int) -> bool:
        """Have an answer judged by another label; whether the window still holds it."""
        if number < self.count - len(self._right):
            return False
        self._put(number, shares, label, labels)
        return True

    def figures(self, bands: int) -> Figures | None:
        """What the window says; None while it is empty.

        Args:
            bands: of confidence, for the calibration error.
        """
        rows = min(self.count, len(self._right))
        if not rows:
            return None
        right, confidence = self._right[:rows].astype(np.float64), self._confidence[:rows]
        band = np.minimum((confidence * bands).astype(np.int64), bands - 1)
        apart = np.bincount(band, confidence - right, minlength=bands)
        return Figures(
            accuracy=float(right.mean()),
            brier=float(self._brier[:rows].mean()),
            calibration_error=float(np.abs(apart).sum() / rows),
            labelled=rows,
        )

    def copy(self) -> Self:
        """One that goes on apart."""
        other = type(self)(len(self._right))
        other.restore(self.snapshot(), self.count)
        return other

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Arrays by name, `(records,)` each."""
        return {
            "right": self._right.copy(),
            "confidence": self._confidence.copy(),
            "brier": self._brier.copy(),
        }

    def restore(self, arrays: Mapping[str, NDArray[np.generic]], count: int) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of another number of records.
        """
        if arrays["right"].shape != self._right.shape:
            raise ValueError(f"a window of {len(arrays['right'])} records")
        self.count = count
        self._right = arrays["right"].astype(np.bool_)
        self._confidence = arrays["confidence"].astype(np.float64)
        self._brier = arrays["brier"].astype(np.float64)

    def _put(self, number: int, shares: Mapping[int, float], label: int, labels: int) -> None:
        at = number % len(self._right)
        best = next(iter(shares))
        self._right[at] = best == label
        self._confidence[at] = shares[best]
        self._brier[at] = brier(shares, label, labels)


def brier(shares: Mapping[int, float], label: int, labels: int) -> float:
    """The squared error of probabilities over all labels (Brier 1950), 0 to 2.

    What an answer does not name shares the rest evenly.

    Args:
        shares: probabilities by index of label.
        label: what it was.
        labels: how many there are.
    """
    unnamed = labels - len(shares)
    rest = max(0.0, 1 - sum(shares.values())) / unnamed if unnamed else 0.0
    squares = sum(share * share for share in shares.values()) + unnamed * rest * rest
    return squares + 1 - 2 * shares.get(label, rest)
