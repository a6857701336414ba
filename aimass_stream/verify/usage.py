"""What the processes of an application take over time: memory and descriptors, and their slopes.

A leak is a slope that its interval keeps away from zero. The interval is that of a straight
line through independent points, and memory at one moment is much like memory a moment before:
take samples seconds apart, over minutes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil

SECONDS_AN_HOUR = 3600.0

_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Usage:
    """A process and all its children at one moment.

    Attributes:
        at_s: `time.monotonic()`.
        rss_bytes: resident memory, summed; what processes share counts for each.
        descriptors: open ones, summed.
        processes: how many there were.
    """

    at_s: float
    rss_bytes: int
    descriptors: int
    processes: int


@dataclass(frozen=True, slots=True)
class Slope:
    """How fast something grows, with the interval that holds the truth in 95 of 100 cases.

    Attributes:
        per_hour: growth.
        low: the least that it may be.
        high: the most.
    """

    per_hour: float
    low: float
    high: float


def measure(pid: int) -> Usage:
    """Look at a process tree; processes that end meanwhile are left out.

    Raises:
        psutil.NoSuchProcess: the process itself does not live.
    """
    root = psutil.Process(pid)
    rss_bytes = descriptors = processes = 0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            held, opened = process.memory_info().rss, process.num_fds()
            rss_bytes, descriptors, processes = (
                rss_bytes + held,
                descriptors + opened,
                processes + 1,
            )
    return Usage(time.monotonic(), rss_bytes, descriptors, processes)


def slope_of(at_s: Sequence[float], values: Sequence[float]) -> Slope:
    """The slope of the line of least squares.

    Args:
        at_s: moments, in seconds, at least three of them different.
        values: what was seen at each.

    Raises:
        ValueError: there are too few.
    """
    hours = np.asarray(at_s, np.float64) / SECONDS_AN_HOUR
    seen = np.asarray(values, np.float64)
    if len(hours) != len(seen) or len(np.unique(hours)) < 3:
        raise ValueError(f"a slope needs three moments, and {len(np.unique(hours))} were measured")
    hours = hours - hours.mean()
    spread = float(hours @ hours)
    per_hour = float(hours @ seen) / spread
    rest = seen - seen.mean() - per_hour * hours
    error = float(np.sqrt(rest @ rest / (len(seen) - 2) / spread))
    margin = _quantile(len(seen) - 2) * error
    return Slope(per_hour, per_hour - margin, per_hour + margin)


def rss_slope(usages: Sequence[Usage]) -> Slope:
    """Growth of memory, bytes an hour."""
    return slope_of([usage.at_s for usage in usages], [usage.rss_bytes for usage in usages])


def descriptor_slope(usages: Sequence[Usage]) -> Slope:
    """Growth of the number of open descriptors, an hour."""
    return slope_of([usage.at_s for usage in usages], [usage.descriptors for usage in usages])


def _quantile(freedom: int) -> float:
    """Student's t at 97.5%, by the expansion around the normal (Cornish and Fisher).

    Good to 1% from five degrees of freedom on, too small below.
    """
    z = _Z95
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
