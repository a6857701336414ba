"""Which category each item is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.recommendation.growing import grown

Codes = NDArray[np.int64]

NO_CATEGORY = 0
"""The code of an item that is in none."""


def code_of(category: str) -> int:
    """A category's code: a hash of its name, so that no table of names has to be kept."""
    digest = blake2b(category.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def codes_of(categories: Iterable[str]) -> Codes:
    """`(categories,)`: their codes."""
    return np.array([code_of(category) for category in categories], np.int64)


class Categories:
    """Codes of items' categories, by slot."""

    def __init__(self) -> None:
        self._codes: Codes = np.zeros(0, np.int64)

    def fit(self, items: int) -> None:
        """Have a category for each of so many items."""
        self._codes = grown(self._codes, items, NO_CATEGORY)

    def put(self, slot: int, category: str) -> None:
        """An item is in this category now, and in no other."""
        self._codes[slot] = code_of(category)

    def of(self, slots: NDArray[np.int64]) -> Codes:
        """The codes of items' categories."""
        return self._codes.take(slots)

    def forget(self, slots: NDArray[np.int32]) -> None:
        """These items are in no category."""
        self._codes[slots] = NO_CATEGORY

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Arrays and plain data."""
        return {"codes": self._codes.copy()}, {}

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._codes = arrays["codes"].astype(np.int64)
