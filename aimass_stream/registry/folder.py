"""The registry folder: `<name>/<version>/` with a model's files and a manifest.

Versions count up from 1 and never change once published. `resolve` turns a declaration into
what a device process loads; every checksum is verified before anything is.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.registry import packages
from aimass_stream.registry.card import Provenance
from aimass_stream.registry.configuration import check_remote_code, read_configuration
from aimass_stream.registry.declarations import check_declared
from aimass_stream.registry.description import KNOWN_TASKS, describe
from aimass_stream.registry.files import MANIFEST, check_kinds, digest_of, scan
from aimass_stream.registry.manifest import (
    Manifest,
    check_name,
    library_versions,
    read_manifest,
    versions_of,
    write_manifest,
)
from aimass_stream.registry.preparation import check_preparation
from aimass_stream.registry.recognition import may_serve
from aimass_stream.registry.references import SCHEME, versions_meant
from aimass_stream.registry.versions import VERSION_DIGITS, composed_version, settings_tag

log = logging.getLogger("aimass.registry")


def publish(  # noqa: PLR0913 - what a manifest says
    models_folder: Path,
    name: str,
    source: Path,
    *,
    task: str,
    labels: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
    provenance: Provenance | None = None,
    is_candidate: bool = False,
) -> str:
    """Copy a folder of model files into the registry as the next version of a name.

    The version appears whole or not at all, and processes that publish at once get different
    numbers. Checksums are those of the copy.

    Args:
        models_folder: the registry.
        name: of the model.
        source: the folder; a manifest in it is left there.
        task: what the model does.
        labels: its classes, in the order of its outputs.
        metrics: figures its maker measured.
        provenance: what its files do not tell; its card has the rest from them.
        is_candidate: it is in force only where it is named with its number.

    Returns:
        The version.

    Raises:
        ConfigError: the name cannot be one.
        SetupError: the folder holds a file of no accepted kind, one that asks for code to be
            run, or weights that are cut short; or it lacks the tokenizer, image processor or
            feature extractor that the task needs.
    """
    home = models_folder / check_name(name)
    files = check_kinds(source)
    check_remote_code(source)
    check_preparation(source, read_configuration(source), task)
    card = describe(source, task, provenance or Provenance())
    home.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=home, prefix=".draft-"))
    try:
        for file in files:
            (draft / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, draft / file)
        draft.chmod(0o755)
        manifest = Manifest(
            name=name,
            version="",
            task=task,
            labels=list(labels),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            libraries=library_versions(),
            metrics=dict(metrics or {}),
            files=scan(draft),
            card=card,
            is_candidate=is_candidate,
        )
        return _place(draft, home, manifest)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def find(models_folder: Path, name: str) -> Manifest | None:
    """The manifest of the latest version of a model, candidates left out; None without any.

    Raises:
        SetupError: the manifest cannot be read.
    """
    for version in reversed(versions_of(models_folder / check_name(name))):
        manifest = read_manifest(models_folder / name / str(version))
        if not manifest.is_candidate:
            return manifest
    return None


def resolve(
    model: Model[Any], models_folder: Path, *, registered_version: str | None = None
) -> ModelSpec:
    """What a device process loads for a declaration, its files verified.

    `models://name[@version]` is looked up in the registry. Where no version is given it is the
    latest that is whole and no candidate; that a damaged one was passed over is logged as a
    warning.
    `package://name/folder` lies in an installed package. Anything else is a folder: its name is
    the model's. The version of these two is a hash of their content. A declaration without a
    location says its name and version itself. Settings of the adapter that are not its defaults
    are part of the version. A model that is made of others has its declaration's name, and a
    version that stands for all of them.

    Args:
        model: the declaration.
        models_folder: the registry.
        registered_version: the version of a registered model, whatever its location says.

    Raises:
        ConfigError: there is no such model, version or folder, or what is registered is for
            another task than it is declared for.
        SetupError: a file differs from its checksum, or is of no accepted kind; or it takes
            another declaration to load the folder, which the message names.
    """
    parts = tuple(resolve(part, models_folder) for part in model.parts)
    found = _locate(model, models_folder, registered_version)
    if parts:
        version = composed_version(model, parts, found.digest)
        found = found._replace(name=_declared(model), version=version)
    elif found.folder:
        check_declared(Path(found.folder), model.adapter, getattr(model, "task", ""))
        found = found._replace(version=found.version + settings_tag(model))
    return ModelSpec(
        name=found.name,
        version=found.version,
        adapter=model.adapter,
        folder=found.folder,
        digest=found.digest,
        options=dict(model.options),
        timeout_s=model.timeout_s,
        limits=model.limits,
        parts=parts,
    )


class Found(NamedTuple):
    """A model's files: its name and version by them, their folder, their checksum."""

    name: str
    version: str
    folder: str
    digest: str


def _locate(model: Model[Any], models_folder: Path, registered_version: str | None) -> Found:
    if model.location:
        return locate(
            model.location,
            models_folder,
            registered_version=registered_version,
            task=getattr(model, "task", ""),
        )
    version = str(getattr(model, "version", ""))
    if not version and not model.parts:
        raise ConfigError(
            f"{type(model).__name__} {_declared(model)!r} has no version; give it one"
        )
    return Found(_declared(model), version, "", "")


def locate(
    location: str,
    models_folder: Path,
    *,
    registered_version: str | None = None,
    task: str = "",
) -> Found:
    """The files that a location stands for, verified.

    Args:
        location: `models://name[@version]`, `package://name/folder`, or a folder.
        models_folder: the registry.
        registered_version: the version of a registered model, whatever its location says.
        task: what it is declared for; empty where nothing is said.

    Raises:
        ConfigError: there is no such model, version or folder, or what is registered is for
            another task.
        SetupError: a file differs from its checksum, or is of no accepted kind.
    """
    if location.startswith(SCHEME):
        reference = location.removeprefix(SCHEME)
        if registered_version is not None:
            reference = f"{reference.partition('@')[0]}@{registered_version}"
        manifest, path = _registered(reference, models_folder)
        _check_task(task, manifest, path)
        return Found(manifest.name, manifest.version, str(path), digest_of(manifest.files))
    if location.startswith(packages.SCHEME):
        name, path = packages.packaged_folder(location)
    else:
        path = _plain_folder(location)
        name = path.name
    digest = digest_of(scan(path))
    return Found(name, digest[:VERSION_DIGITS], str(path), digest)


def _declared(model: Model[Any]) -> str:
    name = getattr(model, "name", "")
    if not name:
        raise ConfigError(
            f"{type(model).__name__} has neither a location nor a name; give it one of both"
        )
    return str(name)


def _check_task(wanted: str, manifest: Manifest, folder: Path) -> None:
    """See that a model is declared for what its registered folder is for, as far as both say.

    Raises:
        ConfigError: it is declared for something else.
    """
    if wanted and manifest.task in KNOWN_TASKS and not may_serve(manifest.task, wanted):
        raise ConfigError(
            f"{manifest.id} is declared for {wanted}, and registered for {manifest.task}. "
            f"Declare it for {manifest.task}; or, if it is a model for {wanted}, register it as "
            f"that: aimass models add {folder} --name {manifest.name} --task {wanted}"
        )


def _registered(reference: str, models_folder: Path) -> tuple[Manifest, Path]:
    name, versions = versions_meant(reference, models_folder)
    if "@" not in reference:
        versions = _in_force(models_folder / name, versions)
    manifest, folder = _newest_whole(models_folder / name, versions)
    if manifest.version != versions[0]:
        log.warning(
            "model %s is used instead of %s@%s, which is damaged", manifest.id, name, versions[0]
        )
    return manifest, folder


def _in_force(home: Path, versions: list[str]) -> list[str]:
    """These versions without candidates; what cannot be read is none, so that it is told.

    Raises:
        ConfigError: there are only candidates.
    """
    found = [version for version in versions if not _is_candidate(home / version)]
    if not found:
        raise ConfigError(
            f"Model {home.name} has only candidates, which are in force where they are named: "
            f"{SCHEME}{home.name}@{versions[0]}. `aimass models promote "
            f"{home.name}@{versions[0]}` makes that one the next version."
        )
    return found


def _is_candidate(folder: Path) -> bool:
    try:
        return read_manifest(folder).is_candidate
    except SetupError:
        return False


def _newest_whole(home: Path, versions: list[str]) -> tuple[Manifest, Path]:
    """The first version whose files verify.

    Raises:
        SetupError: none does; the text is about the first.
    """
    refusals = []
    for version in versions:
        folder = (home / version).resolve()
        try:
            manifest = read_manifest(folder)
            _verify(folder, manifest, f"{home.name}@{version}")
        except SetupError as error:
            log.warning("%s", error)
            refusals.append(error)
        else:
            return manifest, folder
    raise refusals[0]


def _plain_folder(location: str) -> Path:
    folder = Path(location).expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError(
            f"Model folder {location} does not exist (looked at {folder}). "
            f"Give a folder, or {SCHEME}name for one of the registry."
        )
    return folder


def _verify(folder: Path, manifest: Manifest, model_id: str) -> None:
    """Compare the files that are there with the manifest: all of them, and no others."""
    if f"{manifest.name}@{manifest.version}" != model_id:
        raise SetupError(
            f"Model {model_id} in {folder} is damaged: its manifest is that of "
            f"{manifest.name}@{manifest.version}. Publish the model again."
        )
    found = scan(folder)
    if found == manifest.files:
        return
    names = found.keys() | manifest.files.keys()
    wrong = sorted(name for name in names if found.get(name) != manifest.files.get(name))
    raise SetupError(
        f"Model {manifest.name}@{manifest.version} in {folder} is damaged: "
        f"{', '.join(wrong)} differ from the manifest. Nothing was loaded. "
        "Publish the model again, or choose another version."
    )


def _place(draft: Path, home: Path, manifest: Manifest) -> str:
    """Move a draft to the next free version; whoever is first there has the number."""
    for path in draft.rglob("*"):
        _sync(path)
    version = max(versions_of(home), default=0)
    while True:
        version += 1
        numbered = msgspec.structs.replace(manifest, version=str(version))
        write_manifest(draft, numbered)
        _sync(draft / MANIFEST)
        try:
            draft.rename(home / str(version))
        except OSError:
            if not (home / str(version)).exists():
                raise
        else:
            return str(version)


def _sync(path: Path) -> None:
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
