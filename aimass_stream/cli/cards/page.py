"""The card of one version, on a screen or as JSON. Pure text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from aimass_stream.cli.record_text import escape, json_line
from aimass_stream.cli.units import count_text, number_text, size_text
from aimass_stream.registry.card import Card, Cost
from aimass_stream.registry.configuration import ARCHITECTURE, COMBINER, ESTIMATOR
from aimass_stream.registry.description import describe_leniently
from aimass_stream.registry.manifest import Manifest
from aimass_stream.registry.verification import Difference

TITLE_CHARS = 14
"""Cells that the names of fields take."""
LABELS_SHOWN = 12
DIGEST_CHARS = 64
SHORT_DIGEST_CHARS = 16
"""Digits of a checksum where a line has no room for all of them."""
NOT_STATED = "not stated"


def card_of(manifest: Manifest, models_folder: Path) -> Card:
    """The card of a version; read off its files where it was published without one."""
    if manifest.card is not None:
        return manifest.card
    return describe_leniently(models_folder / manifest.name / manifest.version, manifest.task)


def about_version(manifest: Manifest, models_folder: Path) -> dict[str, Any]:
    """A version for a program: its manifest with its card, and what is counted from them."""
    card = card_of(manifest, models_folder)
    about: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(manifest, card=card))
    return {
        "id": manifest.id,
        **about,
        "parameters": card.parameters,
        "size_bytes": manifest.size_bytes,
        "folder": str(models_folder / manifest.name / manifest.version),
    }


def page_json(
    manifest: Manifest, models_folder: Path, differences: Sequence[Difference] = ()
) -> str:
    """What `aimass models show --json` prints, on one line."""
    wrong = differences_json(differences)
    return json_line({**about_version(manifest, models_folder), "differences": wrong})


def differences_json(differences: Sequence[Difference]) -> list[dict[str, str]]:
    """What is damaged, for a program."""
    return [{"file": each.file, "problem": each.text} for each in differences]


def page_lines(
    manifest: Manifest,
    versions: Sequence[str],
    models_folder: Path,
    width: int,
    differences: Sequence[Difference] = (),
) -> list[Text]:
    """The screen of `aimass models show`.

    Args:
        manifest: of the version to show.
        versions: all versions of the model, newest first.
        models_folder: the registry, as the user knows it.
        width: cells of a line.
        differences: what is not as it was published.
    """
    card = card_of(manifest, models_folder)
    lines = [Text(manifest.id, style="bold"), Text()]
    for each in differences:
        lines += _field("DAMAGED", f"{each.file} {each.text}", width, "bold red")
    for title, text in _fields(manifest, card, versions):
        lines += _field(title, text or NOT_STATED, width)
    lines += [Text(), *_file_lines(manifest, width)]
    if differences:
        return lines
    return [
        *lines,
        Text(),
        Text("Declare it:", style="dim"),
        Text(f"  {declaration_of(manifest)}"),
    ]


def declaration_of(manifest: Manifest) -> str:
    """The line that declares a version in `models/`."""
    if COMBINER in manifest.files:
        return f'Ensemble(..., by="stacking", combiner="models://{manifest.id}")'
    kinds = {ARCHITECTURE: "Torch", ESTIMATOR: "Sklearn"}
    kind = next((kinds[name] for name in kinds if name in manifest.files), "Transformers")
    return f'{kind}("{escape(manifest.task)}", "models://{manifest.id}")'


def values_text(card: Card) -> str:
    """How many weights, in what types; empty where none are known."""
    types = ", ".join(
        name if len(card.values) == 1 else f"{name} {number_text(count)}"
        for name, count in sorted(card.values.items(), key=lambda item: -item[1])
    )
    return f"{number_text(card.parameters)} ({escape(types)})" if types else ""


def _fields(manifest: Manifest, card: Card, versions: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield "Task", manifest.task
    if manifest.is_candidate:
        yield "Stage", "candidate: in force only where it is named with its number"
    if card.modality:
        yield "Modality", card.modality
        yield "Takes", card.takes
        yield "Answers", card.answers
    if manifest.labels:
        yield "Labels", _labels(manifest.labels)
    yield "Architecture", " of ".join(part for part in (card.architecture, card.library) if part)
    yield "Parameters", values_text(card)
    yield "Source", card.source
    yield "Licence", card.licence
    for number, limit in enumerate(card.limits):
        yield ("Limits" if not number else ""), limit
    if manifest.metrics:
        yield "Measured", ", ".join(_figure(*each) for each in manifest.metrics.items())
    if card.cost is not None:
        yield "Cost", _cost(card.cost)
    yield "Published", manifest.created
    yield "With", ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())
    yield "Versions", ", ".join(versions)


def _field(title: str, text: str, width: int, style: str = "dim") -> list[Text]:
    room = max(width - TITLE_CHARS, 20)
    wrapped = Text(escape(text)).wrap(Console(width=room), room)
    titles = (title, *([""] * (len(wrapped) - 1)))
    return [
        Text.assemble((each.ljust(TITLE_CHARS), style), line)
        for each, line in zip(titles, wrapped, strict=True)
    ]


def _labels(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:LABELS_SHOWN])
    more = len(labels) - LABELS_SHOWN
    return f"{len(labels)}: {shown}" + (f" and {more:,} more" if more > 0 else "")


def _figure(name: str, value: float) -> str:
    words = name.replace("_", " ")
    return f"{words} {value:,.0f}" if value == int(value) and value > 1 else f"{words} {value:.3f}"


def _cost(cost: Cost) -> str:
    where = f"{cost.device} ({cost.machine}, {count_text(cost.threads, 'thread')})"
    return (
        f"{cost.ms_per_record:.3g} ms a record, decoding included, in batches of "
        f"{cost.batch_rows} on {where}; {count_text(cost.records, 'record')}"
    )


def _file_lines(manifest: Manifest, width: int) -> Iterator[Text]:
    files = manifest.files
    longest = max((len(escape(name)) for name in files), default=0)
    sizes = {name: size_text(entry.size) for name, entry in files.items()}
    widest = max(map(len, sizes.values()), default=0)
    fits = 2 + longest + 2 + widest + 2 + DIGEST_CHARS <= width
    digits = DIGEST_CHARS if fits else SHORT_DIGEST_CHARS
    note = "SHA-256" if fits else f"first {digits} digits of SHA-256; all with --json"
    total = f"{count_text(len(files), 'file')}, {size_text(manifest.size_bytes)}"
    yield Text.assemble(total, (f"  ({note})", "dim"))
    for name, entry in sorted(files.items()):
        cells = (escape(name).ljust(longest), sizes[name].rjust(widest), entry.sha256[:digits])
        yield Text("  " + "  ".join(cells))
