"""The list of registered models, one line each. Pure text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from aimass_stream.cli.cards.page import about_version
from aimass_stream.cli.record_text import escape, json_line
from aimass_stream.cli.units import count_text, size_text
from aimass_stream.errors import SetupError
from aimass_stream.registry.manifest import Manifest, names_in, read_manifest, versions_of

NAME_CHARS = 28
"""Characters of a name on a terminal."""
MIN_SOURCE_CHARS = 12
"""Where a source has less room than this, it is left out."""
_TITLES = ("model", "versions", "task", "size", "source")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the registry.

    Attributes:
        name: its name.
        versions: its versions, oldest first; at least one.
        candidates: those of them that were proposed, and are in force only where they are named.
        latest: the manifest of the last that is no candidate, or else of the last; None where it
            cannot be read.
        problem: why it cannot, else empty.
    """

    name: str
    versions: Sequence[int]
    latest: Manifest | None
    candidates: Sequence[int] = ()
    problem: str = ""


def read_entries(models_folder: Path) -> list[Entry]:
    """Every model of a registry, by name. Only manifests are read."""
    return [_entry(models_folder / name) for name in names_in(models_folder)]


def list_lines(entries: Sequence[Entry], models_folder: Path, width: int) -> list[Text]:
    """The screen of `aimass models list`.

    Args:
        entries: the models.
        models_folder: the registry, as the user knows it.
        width: cells of a line.
    """
    if not entries:
        return [
            Text(f"No models in {models_folder}."),
            Text("Add one:           aimass models add FOLDER --name NAME"),
            Text(f"Train the demo's:  python -m aimass_stream.training demo {models_folder}"),
        ]
    headline = Text(f"{count_text(len(entries), 'model')} in {models_folder}", style="bold")
    return [headline, Text(), *_table(entries, width), Text(), Text(_HINT, style="dim")]


_HINT = "aimass models show NAME[@VERSION] opens a card."


def list_json(entries: Sequence[Entry], models_folder: Path) -> str:
    """The same for a program, on one line."""
    models = [_about(entry, models_folder) for entry in entries]
    return json_line({"registry": str(models_folder), "models": models})


def _about(entry: Entry, models_folder: Path) -> dict[str, Any]:
    latest = entry.latest
    return {
        "name": entry.name,
        "versions": [str(version) for version in entry.versions],
        "candidates": [str(version) for version in entry.candidates],
        "latest": about_version(latest, models_folder) if latest is not None else None,
        "problem": entry.problem,
    }


def _entry(home: Path) -> Entry:
    versions, latest = versions_of(home), None
    candidates: list[int] = []
    for version in reversed(versions):
        try:
            manifest = read_manifest(home / str(version))
        except SetupError as error:
            return Entry(home.name, versions, None, candidates, str(error))
        if not manifest.is_candidate:
            latest = manifest
            break
        candidates.insert(0, version)
        latest = latest or manifest
    return Entry(home.name, versions, latest, candidates)


def _table(entries: Sequence[Entry], width: int) -> list[Text]:
    rows = [_TITLES, *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    widths[-1] = width - sum(widths[:-1]) - 2 * (len(_TITLES) - 1)
    lines = []
    for number, row in enumerate(rows):
        cells = [cell.ljust(widths[at]) for at, cell in enumerate(row[:-1])]
        cells[3] = row[3].rjust(widths[3])
        if widths[-1] >= MIN_SOURCE_CHARS:
            cells.append(_cut(row[-1], widths[-1]))
        lines.append(Text("  ".join(cells).rstrip(), style="" if number else "dim"))
    return lines


def _row(entry: Entry) -> tuple[str, ...]:
    settled = [version for version in entry.versions if version not in entry.candidates]
    proposed = [f"{version} candidate" for version in entry.candidates]
    versions = ", ".join([*([_span(settled)] if settled else []), *proposed])
    name, latest = _cut(entry.name, NAME_CHARS), entry.latest
    if latest is None:
        return name, versions, "damaged", "", f"aimass models verify {entry.name}"
    source = escape(latest.card.source) if latest.card else ""
    return name, versions, escape(latest.task), size_text(latest.size_bytes), source or "not stated"


def _span(versions: Sequence[int]) -> str:
    first, last = versions[0], versions[-1]
    return f"{first}-{last}" if first != last else str(last)


def _cut(text: str, most: int) -> str:
    cut = Text(text)
    cut.truncate(most, overflow="ellipsis")
    return cut.plain
