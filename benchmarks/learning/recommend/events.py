"""The events that the recommender is measured on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from aimass_stream.records.behaviour import Action

START_MS = 1_600_000_000_000


class Liked(NamedTuple):
    """A rating from 4."""

    time_s: int
    user: str
    item: str

    @property
    def action(self) -> Action:
        """It as an event: what was liked is not to be shown again, as what was bought is."""
        return view(self.user, self.item, self.time_s * 1000, "buy")


def view(user: str, item: str, time_ms: int, kind: str = "view") -> Action:
    """An event of a user."""
    return Action(user, kind, item, None, None, time_ms)  # type: ignore[arg-type]  # one of the kinds, as read


def read_liked(folder: Path, part: float = 1.0) -> list[Liked]:
    """The ratings from 4 of `ratings.csv`, by time, equal times in the order of the file.

    Args:
        folder: that has it.
        part: of them, the earliest.
    """
    with (folder / "ratings.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    liked = [
        Liked(int(time_s), user, item) for user, item, rating, time_s in rows if float(rating) >= 4
    ]
    liked.sort(key=lambda event: event.time_s)
    return liked[: int(len(liked) * part)]


def place_of(user: str, count: int) -> int:
    """Which of so many a user belongs to."""
    return crc32(user.encode()) % count


def read_lines(folder: Path, pattern: str) -> Iterator[Any]:
    """The lines of the one JSON lines file whose name is like this."""
    (path,) = folder.glob(pattern)
    with path.open("rb") as file:
        yield from map(orjson.loads, file)
