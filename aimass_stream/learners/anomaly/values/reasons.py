"""Why a value is unusual, in a line for people."""

from __future__ import annotations

from math import exp

import numpy as np

from aimass_stream.learners.anomaly.reasons import short
from aimass_stream.learners.anomaly.values.signals import SIGNALS
from aimass_stream.learners.features import Floats

PARTS = (*(signal.name for signal in SIGNALS), "distance to any value", "distance to any shape")
"""Names of the parts, in order."""

_SPOKEN = 5


def reason_of(
    parts: Floats, heard: Floats, low: Floats, high: Floats, near: float
) -> tuple[str, dict[str, float]]:
    """A record's reason, and its parts.

    Args:
        parts: `(len(PARTS),)`: what speaks for its being unusual.
        heard: `(len(SIGNALS),)` signals.
        low: what they were at the least around that time of the day.
        high: at the most.
        near: the nearest earlier value.

    Returns:
        A line about the part that adds most, and what the first five add, largest first.
    """
    order = np.argsort(-parts, kind="stable")[:_SPOKEN].tolist()
    named = {PARTS[i]: float(parts[i]) for i in order if parts[i] > 0}
    first = order[0]
    if first == len(SIGNALS):
        return f"value {short(heard[0])}, the nearest so far was {short(near)}", named
    if first > len(SIGNALS):
        return f"value {short(heard[0])}, at the end of a course not seen before", named
    signal = SIGNALS[first]
    numbers = [float(number) for number in (heard[first], low[first], high[first])]
    now, least, most = numbers if signal.is_in_units else [exp(number) for number in numbers]
    times = "" if signal.is_in_units else " times its usual"
    span = f"{short(least)} to {short(most)}"
    return f"{signal.name} {short(now)}{times}, around this hour {span} until now", named
