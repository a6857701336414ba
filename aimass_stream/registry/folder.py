"""The registry folder: `<name>/<version>/` with a model's files and a manifest.

Versions count up from 1 and never change once published. `resolve` turns a declaration into
what a device process loads; every checksum is verified before anything is.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson

from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.registry import packages
from aimass_stream.registry.files import MANIFEST, FileEntry, digest_of, scan
from aimass_stream.registry.versions import VERSION_DIGITS, composed_version, settings_tag

log = logging.getLogger("aimass.registry")

SCHEME = "models://"
"""What the location of a registered model begins with."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_LIBRARIES = ("aimass-stream", "numpy", "safetensors", "torch", "transformers")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a published version is.

    Attributes:
        name: the model's name.
        version: its number, as text.
        task: what it does, e.g. `image-classification`.
        labels: its classes, in the order of its outputs.
        created: when it was published, ISO 8601 in UTC.
        libraries: versions of the libraries it was made with.
        metrics: figures its maker measured, e.g. accuracy on held-out data.
        files: its files, by path in the folder.
    """

    name: str
    version: str
    task: str
    labels: list[str]
    created: str
    libraries: dict[str, str]
    metrics: dict[str, float]
    files: dict[str, FileEntry]


def publish(
    models_folder: Path,
    name: str,
    source: Path,
    *,
    task: str,
    labels: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
) -> str:
    """Copy a folder of model files into the registry as the next version of a name.

    The version appears whole or not at all, and processes that publish at once get different
    numbers.

    Returns:
        The version.

    Raises:
        ConfigError: the name cannot be one.
        SetupError: the folder holds a file of no accepted kind.
    """
    home = models_folder / _check_name(name)
    entries = scan(source)
    home.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=home, prefix=".draft-"))
    try:
        for file in entries:
            (draft / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file, draft / file)
        draft.chmod(0o755)
        manifest = Manifest(
            name=name,
            version="",
            task=task,
            labels=list(labels),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            libraries=_library_versions(),
            metrics=dict(metrics or {}),
            files=entries,
        )
        return _place(draft, home, manifest)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def find(models_folder: Path, name: str) -> Manifest | None:
    """The manifest of the latest version of a model; None when there is none.

    Raises:
        SetupError: the manifest cannot be read.
    """
    versions = _versions(models_folder / _check_name(name))
    return _read_manifest(models_folder / name / str(versions[-1])) if versions else None


def resolve(
    model: Model[Any], models_folder: Path, *, registered_version: str | None = None
) -> ModelSpec:
    """What a device process loads for a declaration, its files verified.

    `models://name[@version]` is looked up in the registry. Where no version is given it is the
    latest that is whole; that a later one was passed over is logged as a warning.
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
        ConfigError: there is no such model, version or folder.
        SetupError: a file differs from its checksum, or is of no accepted kind.
    """
    parts = tuple(resolve(part, models_folder) for part in model.parts)
    found = _locate(model, models_folder, registered_version)
    if parts:
        version = composed_version(model, parts, found.digest)
        found = found._replace(name=_declared(model), version=version)
    elif found.folder:
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


class _Found(NamedTuple):
    """A model's files: its name and version by them, their folder, their checksum."""

    name: str
    version: str
    folder: str
    digest: str


def _locate(model: Model[Any], models_folder: Path, registered_version: str | None) -> _Found:
    location = model.location
    if not location:
        version = str(getattr(model, "version", ""))
        if not version and not model.parts:
            raise ConfigError(
                f"{type(model).__name__} {_declared(model)!r} has no version; give it one"
            )
        return _Found(_declared(model), version, "", "")
    if location.startswith(SCHEME):
        reference = location.removeprefix(SCHEME)
        if registered_version is not None:
            reference = f"{reference.partition('@')[0]}@{registered_version}"
        name, version, path, entries = _registered(reference, models_folder)
        return _Found(name, version, str(path), digest_of(entries))
    if location.startswith(packages.SCHEME):
        name, path = packages.packaged_folder(location)
    else:
        path = _plain_folder(location)
        name = path.name
    digest = digest_of(scan(path))
    return _Found(name, digest[:VERSION_DIGITS], str(path), digest)


def _declared(model: Model[Any]) -> str:
    name = getattr(model, "name", "")
    if not name:
        raise ConfigError(
            f"{type(model).__name__} has neither a location nor a name; give it one of both"
        )
    return str(name)


def _registered(reference: str, models_folder: Path) -> tuple[str, str, Path, dict[str, FileEntry]]:
    name, given, version = reference.partition("@")
    versions = _versions(models_folder / _check_name(name))
    if not versions:
        raise ConfigError(_unknown_model(name, models_folder))
    if given and version not in map(str, versions):
        raise ConfigError(
            f"Model {name} has no version {version!r} in {models_folder}. "
            f"It has: {', '.join(map(str, versions))}."
        )
    candidates = [version] if given else [str(number) for number in reversed(versions)]
    version, folder, entries = _newest_whole(models_folder / name, candidates)
    if version != candidates[0]:
        log.warning(
            "model %s@%s is used instead of %s@%s, which is damaged",
            name,
            version,
            name,
            candidates[0],
        )
    return name, version, folder, entries


def _newest_whole(home: Path, candidates: list[str]) -> tuple[str, Path, dict[str, FileEntry]]:
    """The first version whose files verify.

    Raises:
        SetupError: none does; the text is about the first.
    """
    refusals = []
    for version in candidates:
        folder = (home / version).resolve()
        try:
            manifest = _read_manifest(folder)
            _verify(folder, manifest, f"{home.name}@{version}")
        except SetupError as error:
            log.warning("%s", error)
            refusals.append(error)
        else:
            return version, folder, manifest.files
    raise refusals[0]


def _unknown_model(name: str, models_folder: Path) -> str:
    known = sorted(
        path.name for path in models_folder.glob("*") if path.is_dir() and _versions(path)
    )
    there = f"There are: {', '.join(known)}." if known else "The registry is empty."
    return (
        f"Model {name} is not in the registry {models_folder}. {there} "
        f"`python -m aimass_stream.training demo {models_folder}` trains the demo's. "
        "Another registry folder is chosen with AIMASS_MODELS."
    )


def _plain_folder(location: str) -> Path:
    folder = Path(location).expanduser().resolve()
    if not folder.is_dir():
        raise ConfigError(
            f"Model folder {location} does not exist (looked at {folder}). "
            f"Give a folder, or {SCHEME}name for one of the registry."
        )
    return folder


def _versions(home: Path) -> list[int]:
    """The published versions of a model, oldest first."""
    return sorted(
        int(path.name)
        for path in home.glob("[1-9]*")
        if path.name.isdecimal() and (path / MANIFEST).is_file()
    )


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


def _read_manifest(folder: Path) -> Manifest:
    try:
        return msgspec.convert(orjson.loads((folder / MANIFEST).read_bytes()), Manifest)
    except (OSError, orjson.JSONDecodeError, msgspec.ValidationError) as error:
        raise SetupError(
            f"The manifest of the model in {folder} cannot be read: {error}. "
            "Publish the model again."
        ) from error


def _place(draft: Path, home: Path, manifest: Manifest) -> str:
    """Move a draft to the next free version; whoever is first there has the number."""
    for path in draft.iterdir():
        _sync(path)
    version = max(_versions(home), default=0)
    while True:
        version += 1
        numbered = msgspec.structs.replace(manifest, version=str(version))
        (draft / MANIFEST).write_bytes(
            msgspec.json.format(msgspec.json.encode(numbered), indent=2) + b"\n"
        )
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


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be a model's name: use small letters, digits, '.', '_' and '-'"
        )
    return name


def _library_versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
