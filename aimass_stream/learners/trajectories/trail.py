"""What is kept of a user's way: the latest move, the fences and the cell it ended in, and stays."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, floor, radians
from typing import Any, NamedTuple

from aimass_stream.learners.behaviour import (
    Place,
    Track,
    metres,
    plain_track,
    towards,
    track_of,
)

Point = tuple[float, float]
"""Latitude and longitude in degrees."""

STAYS = 9
"""Latest stays that are kept of a user."""

_DEGREE_M = 111_195.0
_ROW = 1 << 32


class Stay(NamedTuple):
    """Where a user has been since they last moved on.

    Attributes:
        anchor: the first position there.
        mean: of the positions there, degrees.
        positions: how many these are.
        is_told: whether it has been long enough to be a stay.
    """

    anchor: Place
    mean: Point
    positions: int = 1
    is_told: bool = False


class Trail(NamedTuple):
    """What is kept of a user.

    Attributes:
        track: their latest move.
        inside: fences that the latest position lies within.
        cell: of the map, that the latest position lies in.
        stay: where they are.
        stays: the latest places where they stayed, oldest first.
    """

    track: Track = Track()
    inside: tuple[int, ...] = ()
    cell: int | None = None
    stay: Stay | None = None
    stays: tuple[Point, ...] = ()

    def to(self, here: Place, radius_m: float, stay_s: float) -> tuple[Trail, Point | None]:
        """The trail behind one more position, and the place where the user is found to stay now.

        Stay points as of Li et al., "Mining User Similarity Based on Location History", GIS 2008:
        positions within a distance of the first that span a time. Whoever comes back to the place
        of the latest stay has not stayed anew.

        Args:
            here: the position; not earlier than the one before.
            radius_m: the distance.
            stay_s: the time.
        """
        stay = self.stay
        if stay is None or metres(*stay.anchor[:2], *here[:2]) > radius_m:
            return self._replace(stay=Stay(here, here[:2])), None
        positions = stay.positions + 1
        mean = towards(stay.mean, here, 1 / positions)
        long = here.time_ms - stay.anchor.time_ms >= stay_s * 1000
        moved = self._replace(stay=Stay(stay.anchor, mean, positions, stay.is_told or long))
        if stay.is_told or not long:
            return moved, None
        if self.stays and metres(*self.stays[-1], *mean) <= radius_m:
            return moved, None
        return moved._replace(stays=(*self.stays, mean)[-STAYS:]), mean


def cell_of(lat: float, lon: float, cell_m: float) -> int:
    """The cell of the map, about `cell_m` metres wide and high, that a position lies in."""
    row = floor(lat * _DEGREE_M / cell_m)
    # All of a row are as wide as in its middle.
    width = cos(radians((row + 0.5) * cell_m / _DEGREE_M))
    return row * _ROW + floor(lon * _DEGREE_M * width / cell_m)


def plain(trail: Trail) -> list[Any]:
    """A trail as a snapshot's data."""
    stay = trail.stay
    return [
        plain_track(trail.track),
        list(trail.inside),
        trail.cell,
        stay and [list(stay.anchor), list(stay.mean), stay.positions, stay.is_told],
        [list(point) for point in trail.stays],
    ]


def trail_of(data: Sequence[Any]) -> Trail:
    """The trail that was laid down."""
    track, inside, cell, stay, stays = data
    return Trail(
        track_of(track),
        tuple(inside),
        cell,
        stay and Stay(Place(*stay[0]), (stay[1][0], stay[1][1]), *stay[2:]),
        tuple((lat, lon) for lat, lon in stays),
    )
