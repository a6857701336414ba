"""The list of dead letters: how many of which kind first, then one line each. Pure text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from rich.text import Text

from aimass_stream.cli.record_text import escape, json_line, time_text
from aimass_stream.cli.units import count_text
from aimass_stream.kafka.letters import Letter, Letters, Place
from aimass_stream.records import identity

GROUPS_SHOWN = 20
"""Kinds in the table; the rest are summed up."""
MIN_ERROR_CHARS = 20
WIDE = 100
"""Cells of a line from which on each letter names its agent."""

Cell = tuple[str, str]
"""A text and its style."""

REPLAYED: Cell = ("replayed", "green")
FAILED_AGAIN: Cell = ("failed again", "red")
"""Since it was replayed, there is another letter of the same record and agent."""


@dataclass(slots=True)
class Group:
    """Letters alike in agent, source topic, model and reason."""

    letters: int = 0
    replayed: int = 0
    last_ms: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list shows.

    Attributes:
        all: everything on the topic.
        picked: the letters that meet the filters, in the order they are shown.
        limit: so many rows at the most; None for all.
        order: `newest` or `oldest`, which come first.
    """

    all: Letters
    picked: Sequence[Letter]
    limit: int | None
    order: str

    @property
    def rows(self) -> Sequence[Letter]:
        """The letters that are shown one by one."""
        return self.picked if self.limit is None else self.picked[: self.limit]

    def is_replayed(self, letter: Letter) -> bool:
        """Whether somebody had the letter tried again."""
        return letter.place in self.all.replays

    def fates(self) -> Mapping[Place, Cell]:
        """What became of the letters that were replayed, by their places."""
        # A replay is noted on every letter that its record had by then.
        fresh = {
            (letter.record_id, letter.agent)
            for letter in self.all.letters
            if not self.is_replayed(letter)
        }
        return {
            letter.place: FAILED_AGAIN if (letter.record_id, letter.agent) in fresh else REPLAYED
            for letter in self.all.letters
            if self.is_replayed(letter)
        }

    def groups(self) -> list[tuple[tuple[str, str, str, str], Group]]:
        """Letters by reason, agent, topic and model; the largest group first."""
        found: dict[tuple[str, str, str, str], Group] = {}
        for letter in self.picked:
            kind = (letter.reason, letter.agent, letter.topic, letter.model)
            group = found.setdefault(kind, Group())
            group.letters += 1
            group.replayed += self.is_replayed(letter)
            group.last_ms = max(group.last_ms, letter.written_ms)
        return sorted(found.items(), key=lambda item: (-item[1].letters, item[0]))


def list_lines(listing: Listing, now: datetime, width: int) -> list[Text]:
    """The screen of `aimass dlq list`.

    Args:
        listing: what to show.
        now: local time, to tell today from other days.
        width: cells of a line.
    """
    lines = [_headline(listing), *_foreign(listing)]
    if not listing.picked:
        return lines + _known(listing)
    lines += [Text(), *_group_lines(listing, now, width)]
    if listing.rows:
        lines += [Text(), *_row_lines(listing, now, width)]
    return lines


def list_json(listing: Listing) -> str:
    """The same for a program, on one line."""
    groups = [
        {
            **dict(zip(("reason", "agent", "topic", "model"), kind, strict=True)),
            "letters": group.letters,
            "replayed": group.replayed,
            "last_ms": group.last_ms,
        }
        for kind, group in listing.groups()
    ]
    about = {
        "topic": listing.all.topic,
        "letters": len(listing.picked),
        "replayed": _replayed(listing),
        "foreign": listing.all.foreign,
        "by": {
            "reason": _counts(letter.reason for letter in listing.picked),
            "agent": _counts(letter.agent for letter in listing.picked),
            "model": _counts(letter.model for letter in listing.picked),
            "topic": _counts(letter.topic for letter in listing.picked),
        },
        "groups": groups,
        "rows": [letter_json(letter, listing.all) for letter in listing.rows],
    }
    return json_line(about)


def letter_json(letter: Letter, letters: Letters) -> dict[str, Any]:
    """What a letter says, and its replays, for a program."""
    return {
        "letter": place_text(letter.place, letters.topic),
        "source": letter.source,
        "root": letter.root,
        "id": letter.id,
        "agent": letter.agent,
        "model": letter.model,
        "reason": letter.reason,
        "error": letter.error,
        "timestamp_ms": letter.timestamp_ms,
        "written_ms": letter.written_ms,
        "size_bytes": letter.size_bytes,
        "replays": [msgspec.to_builtins(each) for each in letters.replays.get(letter.place, ())],
    }


def place_text(place: Place, topic: str = "") -> str:
    """`partition/offset`, after the topic if one is given."""
    partition, offset = place
    return f"{topic}/{partition}/{offset}" if topic else f"{partition}/{offset}"


def origin_text(agent: str, topic: str, model: str) -> str:
    """Who could not answer, in a few words."""
    scored = "" if model == identity.NO_MODEL else f", {model}"
    return escape(f"{agent} <- {topic}{scored}")


def _headline(listing: Listing) -> Text:
    every, count = len(listing.all.letters), len(listing.picked)
    replayed = _replayed(listing)
    text = Text(f"{listing.all.topic}: ")
    text.append(count_text(count, "dead letter"), "bold")
    if count < every:
        text.append(f" of {every:,}")
    text.append(f", {replayed:,} of them replayed" if count else "")
    repeats = count - len({(letter.record_id, letter.agent) for letter in listing.picked})
    return text.append(f", {repeats:,} of them repeats of a record" if repeats else "")


def _known(listing: Listing) -> list[Text]:
    """What a filter might have meant, where none of the letters meets it."""
    if not listing.all.letters:
        return []
    lines = [Text("None meets the filters. There are letters of")]
    for noun in ("topic", "agent", "model", "reason"):
        names = _counts(getattr(letter, noun) for letter in listing.all.letters)
        shown = [escape(name) for name in list(names)[:GROUPS_SHOWN]]
        more = f", and {len(names) - GROUPS_SHOWN:,} more" if len(names) > GROUPS_SHOWN else ""
        lines.append(Text(f"  {noun:<8}{', '.join(shown)}{more}"))
    return lines


def _foreign(listing: Listing) -> list[Text]:
    count = listing.all.foreign
    if not count:
        return []
    return [Text(f"{count_text(count, 'record')} there that no engine wrote, left out", "yellow")]


def _replayed(listing: Listing) -> int:
    return sum(map(listing.is_replayed, listing.picked))


def _counts(names: Iterable[str]) -> Mapping[str, int]:
    return dict(Counter(names).most_common())


def _group_lines(listing: Listing, now: datetime, width: int) -> list[Text]:
    groups = listing.groups()
    table = _Table(("letters", "replayed", "last", "reason", "agent <- topic, model"), "rrlll")
    for (reason, agent, topic, model), group in groups[:GROUPS_SHOWN]:
        table.add(
            (f"{group.letters:,}", "bold"),
            (f"{group.replayed:,}", "green" if group.replayed else "dim"),
            (_short_time(group.last_ms, now), "dim"),
            (escape(reason), "red"),
            (origin_text(agent, topic, model), ""),
        )
    lines = table.lines(width)
    rest = groups[GROUPS_SHOWN:]
    if rest:
        count = sum(group.letters for _, group in rest)
        lines.append(Text(f"and {count_text(count, 'letter')} of {len(rest):,} further kinds"))
    return lines


def _row_lines(listing: Listing, now: datetime, width: int) -> list[Text]:
    shown, count = len(listing.rows), len(listing.picked)
    which = f"The {listing.order} {shown:,}:" if shown < count else f"{listing.order} first:"
    fates = listing.fates()
    agents = ("agent",) if width >= WIDE else ()
    table = _Table(("written", "letter", "reason", *agents, "record", "error"), "llllll")
    for letter in listing.rows:
        table.add(
            (_short_time(letter.written_ms, now), "dim"),
            (place_text(letter.place), "cyan"),
            (escape(letter.reason), "red"),
            *((escape(letter.agent), "") for _ in agents),
            (escape(letter.source), ""),
            (escape(letter.error), ""),
            tail=fates.get(letter.place, ("", "")),
        )
    return [Text(which[0].upper() + which[1:]), *table.lines(width)]


def _short_time(timestamp_ms: int, now: datetime) -> str:
    """To the second."""
    return time_text(timestamp_ms, now).partition(".")[0]


@dataclass(slots=True)
class _Table:
    """Aligned columns; the last one is cut to what the line leaves of it.

    Attributes:
        heads: the columns' names.
        aligned: for each column `l` or `r`.
    """

    heads: Sequence[str]
    aligned: str
    _rows: list[tuple[Sequence[Cell], Cell]] = field(default_factory=list)

    def add(self, *cells: Cell, tail: Cell = ("", "")) -> None:
        """Append a row; the tail stands behind the last column, whatever its length."""
        self._rows.append((cells, tail))

    def lines(self, width: int) -> list[Text]:
        """The table, its heads first."""
        sizes = [
            max([len(head), *(Text(cells[at][0]).cell_len for cells, _ in self._rows)])
            for at, head in enumerate(self.heads)
        ]
        heads = [(head, "dim") for head in self.heads]
        return [
            self._line(cells, tail, sizes, width)
            for cells, tail in ((heads, ("", "")), *self._rows)
        ]

    def _line(self, cells: Sequence[Cell], tail: Cell, sizes: Sequence[int], width: int) -> Text:
        line = Text()
        for (text, style), size, side in zip(cells[:-1], sizes, self.aligned, strict=False):
            cell = Text(text, style)
            pad = " " * (size - cell.cell_len)
            line = line + (Text(pad) + cell if side == "r" else cell + Text(pad)) + Text("  ")
        end = Text(f"  {tail[0]}" if tail[0] else "", tail[1])
        last = Text(*cells[-1])
        last.truncate(
            max(width - line.cell_len - end.cell_len, MIN_ERROR_CHARS), overflow="ellipsis"
        )
        return line + last + end
