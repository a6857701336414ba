"""What a run is asked to do, and what it has to do it with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aimass_stream.cli.producing.items import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a command was asked for; the same for every modality.

    Attributes:
        noun: what an item is, e.g. `image`.
        folder: where the items come from; absolute. A file, where they are its lines.
        topic: where they go.
        rate: items a second; None for as fast as the broker takes them.
        limit: only so many items, the first ones; None for all.
        again: send also what was sent before.
        create: create the topic also where the app declares none of that name.
        app: the package whose topics are created where they are missing.
        record: name of the type of its records; empty where a topic of any type may take them.
        more: further files, where one run sends the lines of several.
    """

    noun: str
    folder: Path
    topic: str
    rate: float | None = None
    limit: int | None = None
    again: bool = False
    create: bool = False
    app: str = "agents"
    record: str = ""
    more: tuple[Path, ...] = ()

    @property
    def origin(self) -> str:
        """Everything the items come from, in one text: what a journal belongs to."""
        return "\n".join(map(str, (self.folder, *self.more)))


@dataclass(frozen=True, slots=True)
class Cargo:
    """What a folder holds.

    Attributes:
        items: in the order they are sent, the same in every run.
        left_out: names of what lies beside them.
    """

    items: Sequence[Item]
    left_out: Sequence[str]
