"""The mel scale, as everything here that listens in bands has it. NumPy only.

The numbers are those of transformers' `mel_filter_bank` with HTK's scale and no norm; that one
takes seconds to import, and a process that loads no network of the library need not wait for it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def mel_filters(bands: int, window: int, rate_hz: int) -> NDArray[np.float64]:
    """Triangles of height 1 on the mel scale, 2595 log10(1 + f / 700), from 0 to half the rate.

    Args:
        bands: how many.
        window: samples of a frame.
        rate_hz: samples a second.

    Returns:
        `(window // 2 + 1, bands)`, shared by all callers and read-only.
    """
    most = 2595 * np.log10(1 + rate_hz / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, most, bands + 2) / 2595) - 1)
    places = np.arange(window // 2 + 1) * rate_hz / window
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rise = (places[:, None] - low) / (middle - low)
    fall = (high - places[:, None]) / (high - middle)
    filters: NDArray[np.float64] = np.maximum(0, np.minimum(rise, fall))
    filters.flags.writeable = False
    return filters
