"""Whether another way to compute the same is worth it: when it is quicker, and answers as well.

In device processes only.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from torch import Tensor

WORTH = 0.9
"""The share of the usual time that another way may take at the most."""
TOLERANCE = 1e-4
"""How far its answers may lie from the usual ones."""

_TRIES = 7


def least_s(call: Callable[[], Tensor]) -> float:
    """How long a call takes when nothing is in its way, in seconds."""
    call()
    took_s = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        call()
        took_s.append(time.perf_counter() - begun)
    return min(took_s)
