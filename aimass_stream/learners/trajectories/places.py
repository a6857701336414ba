"""Places where users stay, and how they follow on each other."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from math import inf

from aimass_stream.learner import Snapshot
from aimass_stream.learners.arrays import under
from aimass_stream.learners.behaviour import metres
from aimass_stream.learners.trajectories.next_place import NextPlace
from aimass_stream.learners.trajectories.trail import Point

ELSEWHERE = 0
"""The number of every place that is not known."""

_LEAST_DEGREE_M = 111_000.0


class Places:
    """Known places, numbered from 1, and the net that foresees the next.

    Args:
        kept: places; the longest not stayed at go first, and their numbers to others.
        radius_m: metres within which stays are one place.
        seed: of the net.
    """

    def __init__(self, kept: int, radius_m: float, seed: int) -> None:
        self._kept, self._radius_m = kept, radius_m
        self._points: OrderedDict[int, Point] = OrderedDict()
        self._net = NextPlace(kept + 1, seed)

    def surprise(self, before: Sequence[Point], here: Point) -> float:
        """How unexpected it is, in bits, to stay here after other stays, oldest first.

        NaN where there are none.
        """
        if not before:
            return float("nan")
        numbers = [self._number(point) for point in before]
        return self._net.surprise(numbers, self._number(here), len(self._points) + 1)

    def learn(self, before: Sequence[Point], here: Point) -> None:
        """Learn that somebody stays here after other stays, oldest first, if any."""
        number = self._number(here)
        if before:
            numbers = [self._number(point) for point in before]
            self._net.learn(numbers, number, len(self._points) + 1)
        if number == ELSEWHERE:
            self._admit(here)
        else:
            self._points.move_to_end(number)

    def snapshot(self) -> Snapshot:
        """Points and the net."""
        arrays, steps = self._net.snapshot()
        points = [[number, *point] for number, point in self._points.items()]
        return Snapshot(
            {f"net.{n}": a for n, a in arrays.items()}, {"points": points, "steps": steps}
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of another number of places.
        """
        points = snapshot.data["points"]
        self._points = OrderedDict((number, (lat, lon)) for number, lat, lon in points)
        self._net.restore(under(snapshot.arrays, "net."), snapshot.data["steps"])

    def _number(self, here: Point) -> int:
        """Of the nearest place within the radius."""
        # Most are too far north or south, which is quick to tell.
        reach = self._radius_m / _LEAST_DEGREE_M
        away_m = {
            number: metres(*point, *here)
            for number, point in self._points.items()
            if abs(point[0] - here[0]) <= reach
        }
        nearest = min(away_m, key=lambda number: (away_m[number], number), default=ELSEWHERE)
        return nearest if away_m.get(nearest, inf) <= self._radius_m else ELSEWHERE

    def _admit(self, here: Point) -> None:
        number = len(self._points) + 1
        if number > self._kept:
            number, _ = self._points.popitem(last=False)
            self._net.forget(number)
        self._points[number] = here
