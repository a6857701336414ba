"""What flows between transforms, beside images and texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
"""`(columns,)` float64; NaN where a number is missing."""


class Sound(NamedTuple):
    """Mono audio.

    Attributes:
        samples: `(samples,)` float32.
        rate_hz: samples a second.
    """

    samples: NDArray[np.float32]
    rate_hz: int
