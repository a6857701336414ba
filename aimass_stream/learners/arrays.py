"""What learners do with arrays: parts of a snapshot, and products that no neighbour changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatT = TypeVar("FloatT", bound=np.floating[Any])


def under(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin with a prefix, without it."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def row_products(rows: NDArray[FloatT], matrix: NDArray[FloatT]) -> NDArray[FloatT]:
    """`rows @ matrix`, each row multiplied alone.

    A product of matrices may round a row otherwise alone than among others, and then an answer
    would depend on how many records came at once.

    Args:
        rows: `(n, k)`.
        matrix: `(k, m)`.

    Returns:
        `(n, m)`, C-contiguous.
    """
    products: NDArray[FloatT] = np.matmul(rows[:, None, :], matrix)[:, 0, :]
    return products
