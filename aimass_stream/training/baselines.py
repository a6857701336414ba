"""The obvious things to do, which what learns has to beat."""

from __future__ import annotations

import math
from collections import Counter

from aimass_stream.records.behaviour import Action


class PopularityRecommender:
    """Recommends to everybody what was acted on most."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def learn(self, action: Action) -> None:
        """Count an action; positions are passed over."""
        if action.item is not None:
            self._counts[action.item] += 1

    def recommend(self, rows: int) -> list[str]:
        """The `rows` items with the most actions, best first; of equals the first seen."""
        return [item for item, _ in self._counts.most_common(rows)]


class SpeedAlarm:
    """Alarms when somebody moves much faster than people on average do.

    The speed from the position before is compared with the mean and standard deviation of all
    speeds before it. Nothing else is looked at.

    Args:
        deviations: standard deviations above the mean from which on it is an alarm.
        warm_up: speeds to see before the first alarm.
    """

    def __init__(self, deviations: float = 3.0, warm_up: int = 30) -> None:
        self._deviations = deviations
        self._warm_up = warm_up
        self._last: dict[str, Action] = {}
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0

    def is_alarm(self, action: Action) -> bool:
        """Whether this event is one; it is learnt at once. Actions never are."""
        if action.lat is None:
            return False
        before, self._last[action.user] = self._last.get(action.user), action
        if before is None or action.time_ms <= before.time_ms:
            return False
        speed_mps = distance_m(before, action) / ((action.time_ms - before.time_ms) / 1000)
        spread = math.sqrt(self._squares / self._count) if self._count else 0.0
        alarm = self._count >= self._warm_up and speed_mps > self._mean + self._deviations * spread
        self._count += 1
        step = speed_mps - self._mean
        self._mean += step / self._count
        self._squares += step * (speed_mps - self._mean)
        return alarm


def distance_m(one: Action, other: Action) -> float:
    """Metres between two positions along the surface of a sphere.

    Raises:
        ValueError: one of them has no place.
    """
    if one.lat is None or one.lon is None or other.lat is None or other.lon is None:
        raise ValueError("an event without a place has no distance")
    north, south = math.radians(one.lat), math.radians(other.lat)
    half_lat, half_lon = (north - south) / 2, math.radians(one.lon - other.lon) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(north) * math.cos(south) * math.sin(half_lon) ** 2
    return 2 * 6_371_000 * math.asin(math.sqrt(min(1.0, chord)))
