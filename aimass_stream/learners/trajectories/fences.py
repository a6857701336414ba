"""Which fences a position lies within."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from aimass_stream.learners.behaviour import metres
from aimass_stream.learners.trajectories.declaration import Fence


def within(fences: Sequence[Fence], lat: float, lon: float) -> tuple[int, ...]:
    """The fences, by their place in the sequence, that a position in degrees lies within."""
    return tuple(i for i, fence in enumerate(fences) if _holds(fence, lat, lon))


def crossed(fences: Sequence[Fence], before: Sequence[int], now: Sequence[int]) -> list[bool]:
    """Whether each fence's rule is broken by going from within some to within others."""
    return [
        i in now and i not in before if fence.on == "enter" else i in before and i not in now
        for i, fence in enumerate(fences)
    ]


def _holds(fence: Fence, lat: float, lon: float) -> bool:
    if fence.centre is not None:
        return metres(*fence.centre, lat, lon) <= fence.radius_m
    # A ray to the east crosses the sides of what it begins within an odd number of times.
    inside = False
    for (lat_a, lon_a), (lat_b, lon_b) in pairwise((*fence.corners, fence.corners[0])):
        if (lat_a > lat) != (lat_b > lat):
            crossing = lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a)
            inside ^= crossing > lon
    return inside
