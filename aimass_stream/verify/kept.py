"""The snapshots that an application's learners have kept, as files, and what harms one."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SUFFIX = ".snapshot"


@dataclass(frozen=True, slots=True)
class Kept:
    """The snapshots of one state, oldest first.

    Attributes:
        place: topic and partition that the state learns from.
    """

    place: tuple[str, int]
    files: tuple[Path, ...]

    def up_to(self, offset: int) -> list[Path]:
        """Those that include nothing beyond an offset."""
        return [file for file in self.files if offset_of(file) <= offset]


def find_kept(folder: Path) -> list[Kept]:
    """The states below a snapshots folder, which lie in `APP/LEARNER/AGENT/TOPIC/PARTITION`."""
    states: dict[Path, list[Path]] = {}
    for file in sorted(folder.glob(f"*/*/*/*/*/*{_SUFFIX}")):
        states.setdefault(file.parent, []).append(file)
    return [
        Kept((state.parent.name, int(state.name)), tuple(files)) for state, files in states.items()
    ]


def horizons(kept: Iterable[Kept]) -> dict[tuple[str, int], int]:
    """For each partition the offset before which no state's newest snapshot needs a record."""
    found: dict[tuple[str, int], int] = {}
    for one in kept:
        newest = offset_of(one.files[-1])
        found[one.place] = min(newest, found.get(one.place, newest))
    return found


def offset_of(file: Path) -> int:
    """The offset that a snapshot includes all before of."""
    return int(file.name.removesuffix(_SUFFIX))


def damage(file: Path, draw: random.Random) -> None:
    """Flip a bit of a file, or cut it short, as drawn."""
    held = bytearray(file.read_bytes())
    at = draw.randrange(len(held))
    if draw.random() < 0.5:
        held[at] ^= 1 << draw.randrange(8)
    else:
        del held[at:]
    file.write_bytes(held)
