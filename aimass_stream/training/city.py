"""A small city: people between home, work and shop, and a receiver that is never quite right.

Places are metres east and north of the centre; `degrees` turns them into what is sent.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

Place = tuple[float, float]

CENTRE = (48.2, 16.4)
"""Degrees north and east of the city's centre."""

_METRES_A_DEGREE = 111_320.0
_DAY_S = 86_400
_PACES_MPS = (1.4, 4.5, 9.0)
"""On foot, by bicycle, by tram."""


@dataclass(slots=True)
class Detour:
    """Something that is not the person's day: planted, and known to the caller alone.

    Attributes:
        anomaly: `teleport`, `far_away` or `odd_dwell`.
        number: the same for all events of it.
        fixes: positions it still has.
    """

    anomaly: str
    number: int
    fixes: int


@dataclass(frozen=True, slots=True)
class Fix:
    """A position as the receiver gives it.

    Attributes:
        lat: degrees north.
        lon: degrees east.
        detour: what it is part of, where it is not the person's day.
        is_echo: an ordinary position that looks odd beside one that was not: the way to a
            detour, or back from it.
    """

    lat: float
    lon: float
    detour: Detour | None
    is_echo: bool


class Person:
    """Somebody who moves through the day.

    Args:
        draw: of everything that is drawn.
        start_ms: event time of the beginning.
    """

    def __init__(self, draw: random.Random, start_ms: int) -> None:
        self._draw = draw
        self._home, self._work, self._shop = (
            (draw.gauss(0, 3_000), draw.gauss(0, 3_000)) for _ in range(3)
        )
        self._leave_home_s = draw.gauss(8, 0.7) * 3600
        self._leave_work_s = draw.gauss(17, 1.0) * 3600
        self._shop_s = draw.choice((0, 0, 45 * 60))
        self._pace_mps = draw.choice(_PACES_MPS)
        self._now_ms = start_ms
        self._detour: Detour | None = None
        self._place = self._goal()
        self._aim: Place = (0.0, 0.0)
        self._has_left = self._was_elsewhere = False

    @property
    def is_free(self) -> bool:
        """Whether a detour may begin."""
        return self._detour is None and not self._was_elsewhere

    def begin(self, detour: Detour) -> None:
        """Plant a detour; the next positions are part of it."""
        self._detour, self._has_left = detour, False
        if detour.anomaly == "far_away":
            self._aim = self._around((0.0, 0.0), self._draw.uniform(300_000, 2_500_000))
        elif detour.anomaly == "odd_dwell":
            middle = self._draw.choice((self._home, self._work))
            self._aim = self._around(middle, self._draw.uniform(1_500, 5_000))

    def wait_ms(self) -> int:
        """Time until the next position: short on the move, long at rest, longer at night."""
        if self._detour is not None and self._has_left:
            if not self._was_elsewhere or not self._detour.fixes:
                # Nothing is received on the flight, there or back.
                return int(1000 * math.dist(self._aim, self._place) / 220)
            return int(1000 * self._draw.uniform(120, 600))
        mean_s = 45.0 if math.dist(self._goal(), self._place) > 50 else 600.0
        if not 6 * 3600 < self._day_s() < 23 * 3600:
            mean_s *= 4
        return int(1000 * mean_s * math.exp(self._draw.gauss(0, 0.35)))

    def move(self, now_ms: int) -> Fix:
        """Where the receiver says the person is; `now_ms` never goes back."""
        seconds, self._now_ms = (now_ms - self._now_ms) / 1000, now_ms
        self._walk(seconds)
        detour, was_elsewhere, place = self._detour, self._was_elsewhere, self._place
        if detour is None or not detour.fixes:
            self._detour, self._has_left, self._was_elsewhere = None, False, False
            return self._seen(place, None, is_echo=was_elsewhere)
        if detour.anomaly == "teleport":
            place = self._around(place, max(seconds, 20.0) * self._draw.uniform(80, 1_500))
        elif detour.anomaly == "odd_dwell" and math.dist(place, self._aim) > 50:
            return self._seen(place, None, is_echo=True)
        elif detour.anomaly == "far_away" and not self._has_left:
            self._has_left = True
            return self._seen(place, None, is_echo=False)
        elif detour.anomaly == "far_away":
            place = self._aim
        self._was_elsewhere = True
        detour.fixes -= 1
        return self._seen(place, detour, is_echo=False)

    def _walk(self, seconds: float) -> None:
        goal = self._goal()
        way_m, reach_m = math.dist(goal, self._place), self._pace_mps * seconds
        if way_m <= reach_m:
            self._place = goal
            return
        heading = math.atan2(goal[1] - self._place[1], goal[0] - self._place[0])
        heading += self._draw.gauss(0, 0.3)
        east, north = self._place
        self._place = (east + reach_m * math.cos(heading), north + reach_m * math.sin(heading))

    def _goal(self) -> Place:
        """Where the person wants to be."""
        detour = self._detour
        if detour is not None and detour.fixes and detour.anomaly == "odd_dwell":
            return self._aim
        time_s = self._day_s()
        if self._leave_home_s <= time_s < self._leave_work_s:
            return self._work
        if self._leave_work_s <= time_s < self._leave_work_s + self._shop_s:
            return self._shop
        return self._home

    def _day_s(self) -> float:
        return self._now_ms / 1000 % _DAY_S

    def _around(self, place: Place, distance_m: float) -> Place:
        angle = self._draw.uniform(0, 2 * math.pi)
        return (
            place[0] + distance_m * math.cos(angle),
            place[1] + distance_m * math.sin(angle),
        )

    def _seen(self, place: Place, detour: Detour | None, *, is_echo: bool) -> Fix:
        # One fix in twenty is poor, as between high houses.
        sigma_m = 8.0 if self._draw.random() < 0.95 else 35.0
        east, north = (at + self._draw.gauss(0, sigma_m) for at in place)
        return Fix(*degrees((east, north)), detour, is_echo)


def degrees(place: Place) -> tuple[float, float]:
    """Degrees north and east of a place, rounded to a decimetre."""
    lat = CENTRE[0] + place[1] / _METRES_A_DEGREE
    lon = CENTRE[1] + place[0] / (_METRES_A_DEGREE * math.cos(math.radians(CENTRE[0])))
    return max(-89.9, min(89.9, round(lat, 6))), round((lon + 180) % 360 - 180, 6)
