"""How far signals lie outside all that was seen, ever and around this time of the day.

Being outside says more than being rare: a spike that comes every night is in its hour's range,
and a night without it is not. Distances are shares of the signal's whole range, so one scale
holds for every series.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learners.anomaly.values.memory import Field, Memory
from aimass_stream.learners.features import Floats

_HOURS = 24
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_SHAPE = 4


def fields(signals: int, recent: int) -> dict[str, Field]:
    """What novelty remembers.

    Args:
        signals: how many.
        recent: earlier values that a value and a shape are compared with.
    """
    return {
        "low": Field((signals, _HOURS), fill=np.inf),
        "high": Field((signals, _HOURS), fill=-np.inf),
        "lowest": Field((signals,), fill=np.inf),
        "highest": Field((signals,), fill=-np.inf),
        "day": Field((_HOURS,), np.int64, -1),
        "days": Field((_HOURS,), np.int64),
        "recent": Field((recent,), np.float64, np.nan),
        "unlike": Field((recent,)),
    }


class Seen(NamedTuple):
    """What signals were compared with; each `(n, signals)` float64.

    Attributes:
        outside: how far each lies outside the range of the hours around, as a share of `range`.
        low: of the hours around; infinite where nothing was seen.
        high: likewise.
        range: of all that was seen; 0 at first.
    """

    outside: Floats
    low: Floats
    high: Floats
    range: Floats


def look(memory: Memory, signals: Floats, times_ms: NDArray[np.int64]) -> Seen:
    """Compare the signals of one record of each series with what was seen, and remember them.

    Args:
        memory: of `n` series, changed in place.
        signals: `(n, signals)` float64.
        times_ms: `(n,)` int64, milliseconds since the epoch.
    """
    rows = np.arange(len(signals))
    hour = times_ms // _HOUR_MS % _HOURS
    around = np.stack([hour - 1, hour, (hour + 1) % _HOURS])
    low = memory["low"][rows, :, around].min(axis=0)
    high = memory["high"][rows, :, around].max(axis=0)
    whole = memory["highest"] - memory["lowest"]
    whole = np.where(np.isfinite(whole), whole, 0.0)
    _count_days(memory, rows, hour, times_ms // _DAY_MS)
    # An hour that no other day has shown says nothing yet.
    is_known = (memory["days"][rows, hour] > 0)[:, None] & (whole > 0)
    beyond = np.maximum(np.maximum(low - signals, signals - high), 0.0)
    outside = np.where(is_known, beyond, 0.0) / np.where(whole > 0, whole, 1.0)
    memory["low"][rows, :, hour] = np.minimum(memory["low"][rows, :, hour], signals)
    memory["high"][rows, :, hour] = np.maximum(memory["high"][rows, :, hour], signals)
    np.minimum(memory["lowest"], signals, out=memory["lowest"])
    np.maximum(memory["highest"], signals, out=memory["highest"])
    return Seen(outside, low, high, whole)


def nearest(memory: Memory, values: Floats, wholes: Floats) -> tuple[Floats, Floats]:
    """How far values, and the shapes they end, are from the nearest of the recent ones.

    A shape is compared with that of every earlier moment by a mean of squared differences
    which fades over four records, kept for each lag: a step costs one pass, however long
    shapes are.

    Args:
        memory: of `n` series, changed in place.
        values: `(n,)` float64.
        wholes: `(n,)` float64: the range of all values seen.

    Returns:
        `(n, 2)` float64 as shares of the range; and the nearest earlier value, `(n,)`.
    """
    recent, unlike = memory["recent"], memory["unlike"]
    apart = recent - values[:, None]
    apart *= apart
    # What is not there yet is like nothing.
    np.nan_to_num(apart, copy=False, nan=np.inf)
    place = apart.argmin(axis=1)
    rows = np.arange(len(values))
    closest = np.stack([apart[rows, place], _fade(unlike, apart)], axis=1)
    near = recent[rows, place]
    recent[:, 1:] = recent[:, :-1].copy()
    recent[:, 0] = values
    away = np.sqrt(closest)
    usable = np.isfinite(away) & (wholes > 0)[:, None]
    shares = np.where(usable, away, 0.0) / np.where(wholes > 0, wholes, 1.0)[:, None]
    return shares, near


def _fade(unlike: Floats, apart: Floats) -> Floats:
    """Add differences, `(n, lags)`, and find the least of the lags beyond a shape's length."""
    unlike *= 1 - 1 / _SHAPE
    unlike += np.where(np.isfinite(apart), apart, 0) / _SHAPE
    least = np.where(np.isfinite(apart[:, _SHAPE:]), unlike[:, _SHAPE:], np.inf)
    smallest: Floats = least.min(axis=1, initial=np.inf)
    return smallest


def _count_days(
    memory: Memory, rows: NDArray[np.int64], hour: NDArray[np.int64], day: NDArray[np.int64]
) -> None:
    """Count in how many days before this one each hour was seen."""
    last = memory["day"][rows, hour]
    is_another = (last >= 0) & (last != day)
    memory["days"][rows, hour] += is_another
    memory["day"][rows, hour] = day
