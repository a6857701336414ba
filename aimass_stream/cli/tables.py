"""Tables that keep names whole: folded where it reads well, and never cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table

_PART = re.compile(r"[^.\-]*[.\-]|[^.\-]+")
_UNBOUNDED = 10_000
"""Cells; more than any table of ours has."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a cell of a table; one that is too long goes on in the next line.

    The break is behind a dot or a dash, where one is near enough.
    """

    text: str

    def __rich_measure__(self, _: Console, options: ConsoleOptions) -> Measurement:
        longest = max(map(len, _PART.findall(self.text)), default=0)
        return Measurement(longest, len(self.text)).with_maximum(options.max_width)

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[Segment]:
        style = Style.null()
        for line in fold(self.text, options.max_width):
            yield Segment(line, style)
            yield Segment.line()


def fold(text: str, width: int) -> list[str]:
    """A name in lines of at most so many characters."""
    width = max(1, width)
    lines = [""]
    for part in _PART.findall(text):
        if len(lines[-1]) + len(part) <= width:
            lines[-1] += part
            continue
        pieces = [part[at : at + width] for at in range(0, len(part), width)]
        lines = [*filter(None, lines), *pieces]
    return lines


def print_table(console: Console, table: Table) -> None:
    """Print a table, as wide as it is where no terminal bounds it."""
    if not console.is_terminal:
        unbounded = console.options.update(max_width=_UNBOUNDED)
        console.width = max(console.width, Measurement.get(console, unbounded, table).maximum)
    console.print(table)
