"""The app's models and those of the registry: they resolve, and their files are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from aimass_stream.cli.app_report import ModelReport
from aimass_stream.cli.checks.finding import Finding, fail, ok, warn
from aimass_stream.cli.units import count_text, size_text
from aimass_stream.errors import AimassError
from aimass_stream.model import Model
from aimass_stream.registry import packages
from aimass_stream.registry.folder import find, resolve
from aimass_stream.registry.references import SCHEME

HASHED_BYTES = 500 * 1000 * 1000
"""More than this is not read: the command is to answer within seconds."""


@dataclass(frozen=True, kw_only=True)
class _Located(Model[Any]):
    """Stands for whatever is declared with this location, and for this task."""

    adapter: ClassVar[str] = ""

    place: str
    task: str = ""

    @property
    def location(self) -> str:
        return self.place


def check_models(declared: Sequence[ModelReport] | None, models_folder: Path) -> list[Finding]:
    """Resolve every model that is declared, and the latest of every one that is registered.

    Args:
        declared: as the app's report has them; None where there is no report.
        models_folder: the registry.
    """
    wanted = [_Located(place=one.location, task=one.task) for one in declared or ()]
    named = {one.place.partition("@")[0] for one in wanted}
    registered = [f"{SCHEME}{path.name}" for path in sorted(models_folder.glob("[!.]*/"))]
    others = [_Located(place=place) for place in registered if place not in named]
    findings, whole, left_bytes = [], [], HASHED_BYTES
    for model in [*wanted, *others]:
        try:
            newest = replace(model, place=_newest(model.place, models_folder))
            size = _size(newest.place, models_folder)
            if size > left_bytes:
                findings.append(_not_read(newest.place, size))
                continue
            left_bytes -= size
            spec = resolve(newest, models_folder)
        except AimassError as error:
            findings.append(_broken(error, needed=model in wanted))
        else:
            whole.append(f"{spec.id}: {size_text(size)}")
    if whole:
        text = f"{count_text(len(whole), 'model')} whole, checksums verified"
        findings.insert(0, ok("models", text, whole))
    return findings or [_none(models_folder, is_known=declared is not None)]


def _none(models_folder: Path, *, is_known: bool) -> Finding:
    """There is no model: as it should be, unless nothing is known of the app."""
    if is_known:
        return ok("models", "the app declares none that has files")
    fix = "Put one there: aimass models add FOLDER --name NAME"
    return warn("models", f"no app to ask, and none in {models_folder}", fix)


def _newest(place: str, models_folder: Path) -> str:
    """The version that was published last: a worker would fall back to one before it."""
    name, given, _ = place.removeprefix(SCHEME).partition("@")
    if given or not place.startswith(SCHEME):
        return place
    manifest = find(models_folder, name)
    return f"{place}@{manifest.version}" if manifest is not None else place


def _broken(error: AimassError, *, needed: bool) -> Finding:
    """The registry's errors say in their first sentence what is wrong, and then what to do."""
    text, _, advice = str(error).partition(". ")
    return (fail if needed else warn)("models", text, advice or "Publish the model again")


def _not_read(place: str, size: int) -> Finding:
    return ok(
        "models", f"{place}: {size_text(size)}, not read here; aimass models verify reads all"
    )


def _size(place: str, models_folder: Path) -> int:
    """Bytes below the folder of a model, or of its version where it is registered."""
    if place.startswith(packages.SCHEME):
        try:
            _, folder = packages.packaged_folder(place)
        except AimassError:
            return 0
    else:
        name, _, version = place.removeprefix(SCHEME).partition("@")
        registered = place.startswith(SCHEME)
        folder = models_folder / name / version if registered else Path(place).expanduser()
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
