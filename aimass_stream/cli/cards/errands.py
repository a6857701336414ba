"""The commands of `aimass models`, from their options to what they print."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from aimass_stream.cli.cards.catalogue import list_json, list_lines, read_entries
from aimass_stream.cli.cards.page import (
    card_of,
    declaration_of,
    differences_json,
    page_json,
    page_lines,
    values_text,
)
from aimass_stream.cli.record_text import escape, json_line
from aimass_stream.cli.terminal import say
from aimass_stream.cli.units import count_text, size_text
from aimass_stream.config import load_settings
from aimass_stream.registry.adding import add_folder, name_of
from aimass_stream.registry.candidates import promote
from aimass_stream.registry.card import Provenance
from aimass_stream.registry.manifest import Manifest, read_manifest
from aimass_stream.registry.references import SCHEME, versions_meant
from aimass_stream.registry.verification import Difference, verify_version, versions_there

PIPE_CHARS = 240
"""Length of a line that goes to no terminal."""


def run_list(registry: Path | None, *, as_json: bool) -> None:
    """Print the models of the registry."""
    folder = load_settings(models=registry).models_folder
    entries = read_entries(folder)
    if as_json:
        sys.stdout.write(list_json(entries, folder) + "\n")
    else:
        _print(list_lines(entries, folder, _width()))


def run_show(reference: str, registry: Path | None, *, as_json: bool) -> bool:
    """Print a card; whether its files are as they were published.

    Raises:
        ConfigError: there is no such model or version.
        SetupError: its manifest cannot be read.
    """
    folder = load_settings(models=registry).models_folder
    name, meant = versions_meant(reference, folder)
    manifest = read_manifest(folder / name / meant[0])
    differences = verify_version(folder, name, meant[0])
    if as_json:
        sys.stdout.write(page_json(manifest, folder, differences) + "\n")
        return not differences
    _, versions = versions_meant(name, folder)
    _print(page_lines(manifest, versions, folder, _width(), differences))
    if differences:
        say(f"{name}@{meant[0]} is damaged. {_way_out(folder)}")
    return not differences


def run_add(source: Path, name: str, task: str, told: Provenance, registry: Path | None) -> None:
    """Put a folder into the registry and print what it is called there.

    Raises:
        ConfigError: the name, the folder or the task will not do.
        SetupError: the folder holds what is not accepted, or lacks what is needed.
    """
    folder = load_settings(models=registry).models_folder
    manifest = add_folder(folder, name or name_of(source), source, task=task, told=told)
    card = card_of(manifest, folder)
    parts = (card.architecture, values_text(card), size_text(manifest.size_bytes))
    say(f"Added {', '.join(escape(part) for part in (manifest.task, *parts) if part)}")
    unknown = [word for word in ("licence", "source") if not getattr(card, word)]
    if unknown:
        say(_how_to_state(unknown, manifest))
    say(f"Declare it: {declaration_of(manifest)}")
    sys.stdout.write(manifest.id + "\n")


def _how_to_state(unknown: list[str], manifest: Manifest) -> str:
    options = " and ".join(f"--{word}" for word in unknown)
    readme = ", or the licence as `license:` in the front matter of its README.md"
    return (
        f"Its card does not state its {' and '.join(unknown)}, and a version never changes. Give "
        f"{options} when you add it{readme if 'licence' in unknown else ''}; adding the folder "
        f"again makes {manifest.name}@{int(manifest.version) + 1}."
    )


def run_promote(reference: str, registry: Path | None) -> None:
    """Put a candidate in force and print what it is called then.

    Raises:
        ConfigError: there is no such candidate.
        SetupError: its files are damaged.
    """
    manifest = promote(load_settings(models=registry).models_folder, reference)
    say(f"Declare it: {declaration_of(manifest)}")
    sys.stdout.write(manifest.id + "\n")


def run_verify(reference: str | None, registry: Path | None, *, as_json: bool) -> bool:
    """Compare every file with its checksum and print what was found; whether all is well.

    Raises:
        ConfigError: there is no such model or version.
    """
    folder = load_settings(models=registry).models_folder
    wanted = versions_there(folder, reference)
    if not wanted and not as_json:
        _print(list_lines([], folder, _width()))
    found: list[tuple[str, list[Difference]]] = []
    for name, version in wanted:
        found.append((f"{name}@{version}", verify_version(folder, name, version)))
        if not as_json:
            _print(_verdict(*found[-1], folder))
    damaged = [model_id for model_id, differences in found if differences]
    if as_json:
        about = [_about(*each) for each in found]
        sys.stdout.write(json_line({"ok": not damaged, "versions": about}) + "\n")
    elif damaged:
        say(
            f"{len(damaged)} of {count_text(len(found), 'version')} damaged: "
            f"{', '.join(damaged)}. {_way_out(folder)}"
        )
    return not damaged


def _way_out(folder: Path) -> str:
    return (
        "No worker loads what is damaged. Add the model again, or delete the folder of the "
        f"version in {folder}."
    )


def _verdict(model_id: str, differences: list[Difference], folder: Path) -> list[Text]:
    if differences:
        details = [
            Text(f"         {escape(each.file)} {escape(each.text)}") for each in differences
        ]
        return [Text.assemble(("DAMAGED  ", "bold red"), model_id), *details]
    name, _, version = model_id.partition("@")
    manifest = read_manifest(folder / name / version)
    amount = f"{count_text(len(manifest.files), 'file')}, {size_text(manifest.size_bytes)}"
    return [Text.assemble(("OK       ", "green"), f"{model_id}  {amount}")]


def _about(model_id: str, differences: list[Difference]) -> dict[str, Any]:
    about = {"id": model_id, "location": SCHEME + model_id, "ok": not differences}
    return {**about, "differences": differences_json(differences)}


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_CHARS


def _print(lines: Iterable[Text]) -> None:
    """Print on standard output, in colour where that is a terminal."""
    console = Console(highlight=False) if sys.stdout.isatty() else None
    for line in lines:
        if console is None:
            sys.stdout.write(line.plain.rstrip() + "\n")
        else:
            console.print(line, soft_wrap=True)
