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
from aimass_stream.learners.anomaly.values.signals import SIGNALS
from aimass_stream.learners.features import Floats

_HOURS = 24
_DAY_MS = 86_400_000
_HALF_DAY_MS = 43_200_000
_HOUR_MS = 3_600_000
_SHAPE = 4


def fields(recent: int) -> dict[str, Field]:
    """What novelty remembers.

    Args:
        recent: earlier values that a value and a shape are compared with.
    """
    signals = len(SIGNALS)
    return {
        "low": Field((signals, _HOURS), fill=np.inf),
        "high": Field((signals, _HOURS), fill=-np.inf),
        "lowest": Field((signals,), fill=np.inf),
        "highest": Field((signals,), fill=-np.inf),
        "latest_low": Field((signals, _HOURS), fill=np.inf),
        "latest_high": Field((signals, _HOURS), fill=-np.inf),
        "heard_ms": Field((_HOURS,), np.int64, -_DAY_MS),
        "days": Field((_HOURS,), np.int64),
        "recent": Field((recent,)),
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
    _turn_days(memory, hour, times_ms)
    low, high = _around(memory, hour, times_ms)
    whole = memory["highest"] - memory["lowest"]
    whole = np.where(np.isfinite(whole), whole, 0.0)
    # An hour that no other day has shown says nothing yet.
    is_known = (memory["days"][rows, hour] > 0)[:, None] & (whole > 0)
    beyond = np.maximum(np.maximum(low - signals, signals - high), 0.0)
    outside = np.where(is_known, beyond, 0.0) / np.where(whole > 0, whole, 1.0)
    latest_low, latest_high = memory["latest_low"], memory["latest_high"]
    latest_low[rows, :, hour] = np.minimum(latest_low[rows, :, hour], signals)
    latest_high[rows, :, hour] = np.maximum(latest_high[rows, :, hour], signals)
    memory["heard_ms"][rows, hour] = times_ms
    np.minimum(memory["lowest"], signals, out=memory["lowest"])
    np.maximum(memory["highest"], signals, out=memory["highest"])
    return Seen(outside, low, high, whole)


def nearest(memory: Memory, values: Floats, wholes: Floats) -> tuple[Floats, Floats]:
    """How far values, and the shapes they end, are from the nearest of the recent ones.

    A shape is compared with that of every earlier moment by a mean of squared differences
    which fades over four records, kept for each lag: a step costs one pass, however long
    shapes are.

    Args:
        memory: of `n` series, changed in place; `signals.look` has counted the values.
        values: `(n,)` float64.
        wholes: `(n,)` float64: the range of all values seen.

    Returns:
        `(n, 2)` float64 as shares of the range; and the nearest earlier value, `(n,)`.
    """
    recent = memory["recent"]
    # This value is counted already.
    known = np.minimum(memory["seen"] - 1, recent.shape[1])
    most = int(known.max(initial=0))
    rows = np.arange(len(values))
    away, near = np.full((len(values), 2), np.inf), values.copy()
    if most:
        apart = recent[:, :most] - values[:, None]
        apart *= apart
        unknown = None if known.min() == most else np.arange(most) >= known[:, None]
        away[:, 1] = _fade(memory["unlike"][:, :most], apart, unknown)
        if unknown is not None:
            apart[unknown] = np.inf
        place = apart.argmin(axis=1)
        away[:, 0] = apart[rows, place]
        near = recent[rows, place]
    recent[:, 1:] = recent[:, :-1].copy()
    recent[:, 0] = values
    usable = np.isfinite(away) & (wholes > 0)[:, None]
    whole = np.where(wholes > 0, wholes, 1.0)[:, None]
    return np.sqrt(np.where(usable, away, 0.0)) / whole, near


def _fade(unlike: Floats, apart: Floats, unknown: NDArray[np.bool_] | None) -> Floats:
    """Add differences, `(n, lags)`, and find the least of the lags beyond a shape's length."""
    unlike *= 1 - 1 / _SHAPE
    if unknown is None:
        unlike += apart / _SHAPE
        behind = unlike[:, _SHAPE:]
    else:
        unlike += np.where(unknown, 0.0, apart) / _SHAPE
        behind = np.where(unknown[:, _SHAPE:], np.inf, unlike[:, _SHAPE:])
    smallest: Floats = behind.min(axis=1, initial=np.inf)
    return smallest


def _turn_days(memory: Memory, hour: NDArray[np.int64], times_ms: NDArray[np.int64]) -> None:
    """Where an hour comes again, have what its last day showed among what days before showed."""
    rows = np.arange(len(hour))
    heard = memory["heard_ms"][rows, hour]
    turned = np.flatnonzero((heard >= 0) & (times_ms - heard > _HALF_DAY_MS))
    hours = hour[turned]
    for name, fold, fresh in (("low", np.minimum, np.inf), ("high", np.maximum, -np.inf)):
        all_days, latest = memory[name], memory[f"latest_{name}"]
        all_days[turned, :, hours] = fold(all_days[turned, :, hours], latest[turned, :, hours])
        latest[turned, :, hours] = fresh
    memory["days"][turned, hours] += 1


def _around(
    memory: Memory, hour: NDArray[np.int64], times_ms: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """The range that an hour and those beside it have shown, `(n, signals)` each.

    What this very day has shown counts for quick signals alone.
    """
    rows = np.arange(len(hour))
    around = np.stack([hour - 1, hour, (hour + 1) % _HOURS])
    is_past = (times_ms - memory["heard_ms"][rows, around] > _HALF_DAY_MS)[:, :, None]
    counts = is_past | ~_SLOW
    low = memory["low"][rows, :, around]
    low = np.where(counts, np.minimum(low, memory["latest_low"][rows, :, around]), low)
    high = memory["high"][rows, :, around]
    high = np.where(counts, np.maximum(high, memory["latest_high"][rows, :, around]), high)
    return low.min(axis=0), high.max(axis=0)


_SLOW = np.array([signal.is_slow for signal in SIGNALS])
