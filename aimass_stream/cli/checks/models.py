"""The app's models and those of the registry: they resolve, are whole, and are what is declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from aimass_stream.adapters.extras import EXTRAS
from aimass_stream.cli.app_report import ModelReport
from aimass_stream.cli.checks.finding import Finding, fail, ok, warn
from aimass_stream.cli.lacks import Lack, is_not_installed, lacking
from aimass_stream.cli.units import count_text, size_text
from aimass_stream.error_text import extra_missing
from aimass_stream.errors import AimassError, SetupError
from aimass_stream.model import Model
from aimass_stream.registry import packages
from aimass_stream.registry.configuration import read_configuration
from aimass_stream.registry.declarations import check_declared
from aimass_stream.registry.description import check_loadable
from aimass_stream.registry.files import MANIFEST
from aimass_stream.registry.folder import find, resolve
from aimass_stream.registry.references import SCHEME

HASHED_BYTES = 500 * 1000 * 1000
"""More than this is not read: the command is to answer within seconds."""
_ADAPTERS = "aimass_stream.adapters."
"""Where what loads a folder lies, if it is known what such a folder must hold."""


@dataclass(frozen=True, kw_only=True)
class _Located(Model[Any]):
    """Stands for whatever is declared with this location, and for this task."""

    adapter: ClassVar[str] = ""

    place: str
    task: str = ""
    loader: str = ""

    @property
    def location(self) -> str:
        return self.place


def check_lacks(lacks: Sequence[Lack]) -> list[Finding]:
    """What the declarations of the app need and is not installed or not there."""
    return [fail("models", lack.text, lack.fix) for lack in lacks]


def check_models(declared: Sequence[ModelReport] | None, models_folder: Path) -> list[Finding]:
    """Resolve every model that is declared, and the latest of every one that is registered.

    Args:
        declared: as the app's report has them; None where there is no report.
        models_folder: the registry.
    """
    wanted = [
        _Located(place=one.location, task=one.task, loader=one.adapter) for one in declared or ()
    ]
    named = {one.place.partition("@")[0] for one in wanted}
    registered = [f"{SCHEME}{path.name}" for path in sorted(models_folder.glob("[!.]*/"))]
    others = [_Located(place=place) for place in registered if place not in named]
    findings, whole, left_bytes = [], [], HASHED_BYTES
    wanted_whole = 0
    for model in [*wanted, *others]:
        try:
            newest = replace(model, place=_newest(model.place, models_folder))
            folder = _folder(newest.place, models_folder)
            size = _size(folder)
            is_read = size <= left_bytes
            if is_read:
                left_bytes -= size
                model_id = resolve(newest, models_folder).id
            if model.loader.startswith(_ADAPTERS):
                check_declared(folder, model.loader, model.task)
                check_loadable(folder, model.task)
                _check_library(folder)
        except AimassError as error:
            findings.append(_broken(error, needed=model in wanted))
            continue
        if is_read:
            whole.append(f"{model_id}: {size_text(size)}")
            wanted_whole += model in wanted
        else:
            findings.append(_not_read(newest.place, size))
    if whole:
        findings.insert(0, _whole(whole, wanted_whole))
    return findings or [_none(models_folder, is_known=declared is not None)]


def _check_library(folder: Path) -> None:
    """See that the library is installed that builds what a folder describes.

    Raises:
        SetupError: it comes with an extra that is not.
    """
    library = read_configuration(folder).library
    for extra, libraries in lacking([library] if library in EXTRAS else []).items():
        needs = f"The model in {folder} needs {is_not_installed(libraries)}"
        raise SetupError(f"{needs}. {extra_missing(extra)}")


def _whole(lines: list[str], declared: int) -> Finding:
    """What was read, the declared ones first: a model that is declared twice counts twice."""
    counts = []
    if declared:
        counts.append(count_text(declared, "declared model"))
    if others := len(lines) - declared:
        counts.append(f"{count_text(others, 'other' if declared else 'model')} in the registry")
    return ok("models", f"{' and '.join(counts)} whole, checksums verified", lines)


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


def _folder(place: str, models_folder: Path) -> Path:
    """The folder of a model, or of its version where it is registered; it need not be there.

    Raises:
        ConfigError: it is to be in a package that is not installed.
    """
    if place.startswith(packages.SCHEME):
        return packages.packaged_folder(place)[1]
    if place.startswith(SCHEME):
        name, _, version = place.removeprefix(SCHEME).partition("@")
        return models_folder / name / version
    return Path(place).expanduser().resolve()


def _size(folder: Path) -> int:
    """Bytes of a model's files; the manifest is none of them, as in `aimass models list`."""
    files = (path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return sum(path.stat().st_size for path in files)
