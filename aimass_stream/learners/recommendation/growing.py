"""Arrays that grow with the number of items."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

ScalarT = TypeVar("ScalarT", bound=np.generic)

_FIRST = 64


def grown(array: NDArray[ScalarT], rows: int, value: float) -> NDArray[ScalarT]:
    """The array with at least so many rows, new ones filled; its length doubles each time."""
    if rows <= len(array):
        return array
    length = max(_FIRST, len(array))
    while length < rows:
        length *= 2
    more = np.full((length - len(array), *array.shape[1:]), value, array.dtype)
    return np.concatenate([array, more])
