"""What is made of a value: its level, its moves, and how much it moves, over a few records.

All are means that fade, so a series is remembered by a handful of numbers whatever its rate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aimass_stream.learners.anomaly.values.memory import Field, Memory
from aimass_stream.learners.features import Floats

SPANS = (4, 12, 36, 100)
"""Records that the fading means of a series' values reach back over."""

_SWING_SPANS = (36, 1_000)
_LITTLE = 0.05


class Signal(NamedTuple):
    """One signal.

    Attributes:
        name: what people call it.
        is_in_units: whether it is in the value's unit; else a logarithm.
        is_slow: whether it is compared with the days before this one only. What moves quickly
            is compared with this day too, or a day that begins higher would be news all day;
            of a slow one that is wanted: a strange morning must not vouch for the afternoon.
    """

    name: str
    is_in_units: bool = True
    is_slow: bool = False


SIGNALS = (
    Signal("value"),
    Signal("change from the record before"),
    Signal("mean of the last 4"),
    Signal("mean of the last 12", is_slow=True),
    Signal("mean of the last 4 less that of the last 36"),
    Signal("mean of the last 12 less that of the last 100"),
    Signal("swing", is_in_units=False),
)
"""Signals in the order of `look`'s columns."""

FIELDS = {
    "seen": Field((), np.int64),
    "before": Field(),
    "means": Field((len(SPANS),)),
    "swings": Field((len(_SWING_SPANS),)),
}


def look(memory: Memory, values: Floats) -> Floats:
    """The signals of one value of each series, which is remembered.

    Args:
        memory: of `n` series, changed in place.
        values: `(n,)` float64.

    Returns:
        `(n, len(SIGNALS))` float64.
    """
    seen = memory["seen"]
    first = seen == 0
    before = np.where(first, values, memory["before"])
    change = values - before
    # Until a mean is as old as it reaches, it is the plain mean.
    pace = 1.0 / (seen[:, None] + 1.0)
    means = memory["means"]
    means += np.maximum(pace, _PACES) * (values[:, None] - means)
    swings = memory["swings"]
    swings += np.maximum(pace, _SWING_PACES) * (np.abs(change)[:, None] - swings)
    usual = _LITTLE * swings[:, 1] + 1e-9 * np.abs(values) + 1e-300
    swing = np.log((swings[:, 0] + usual) / (swings[:, 1] + usual))
    memory["before"][...] = values
    seen += 1
    four, twelve, thirty_six, hundred = means.T
    return np.stack(
        [values, change, four, twelve, four - thirty_six, twelve - hundred, swing], axis=1
    )


_PACES = 1.0 / np.array(SPANS)
_SWING_PACES = 1.0 / np.array(_SWING_SPANS)
