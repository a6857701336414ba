"""What of a part is usual in a series: the quantile that one in a hundred of its values exceeds.

Parts differ in how often and how far they strike, and so do series. Each is divided by its own
running quantile, so that 1 means the same for all, and noise raises its own bar.
"""

from __future__ import annotations

import numpy as np

from aimass_stream.learners.anomaly.values.memory import Field, Memory
from aimass_stream.learners.features import Floats

_EXCEEDING = 0.01
_LEAST = 0.01
_PER_OCTAVE = 3
_STEPS = 32
_EDGES = _LEAST * 2.0 ** (np.arange(_STEPS) / _PER_OCTAVE)


def fields(parts: int) -> dict[str, Field]:
    """What quantiles are remembered by: for each part how many values reached each edge."""
    return {"reached": Field((parts, _STEPS), np.int64), "counted": Field((), np.int64)}


def usual(memory: Memory) -> Floats:
    """The 99 % quantile of each part so far, `(n, parts)`; 0 below 0.01.

    Its resolution is a third of an octave, from 0.01 to 13.
    """
    allowed = _EXCEEDING * memory["counted"][:, None, None]
    exceeded = (memory["reached"] > allowed).sum(axis=2)
    return np.where(exceeded > 0, _EDGES[np.maximum(exceeded, 1) - 1], 0.0)


def remember(memory: Memory, parts: Floats) -> None:
    """Count one value of each part, `(n, parts)` float64, in place."""
    memory["reached"] += parts[:, :, None] >= _EDGES
    memory["counted"] += 1
