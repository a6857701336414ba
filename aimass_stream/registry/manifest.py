"""The manifest of a published version, and where versions lie: `<name>/<version>/manifest.json`."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import msgspec
import orjson

from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.registry.card import Card
from aimass_stream.registry.files import MANIFEST, FileEntry

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
        libraries: versions of the libraries that were installed where it was published.
        metrics: figures its maker measured, e.g. accuracy on held-out data.
        files: its files, by path in the folder.
        card: what else is to be known; None where it was published before there were cards.
        is_candidate: it was proposed, and is in force only where it is named with its number.
    """

    name: str
    version: str
    task: str
    labels: list[str]
    created: str
    libraries: dict[str, str]
    metrics: dict[str, float]
    files: dict[str, FileEntry]
    card: Card | None = None
    is_candidate: bool = False

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(entry.size for entry in self.files.values())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the version that lies in a folder.

    Raises:
        SetupError: it is missing, or is no manifest.
    """
    try:
        return msgspec.convert(orjson.loads((folder / MANIFEST).read_bytes()), Manifest)
    except (OSError, orjson.JSONDecodeError, msgspec.ValidationError) as error:
        raise SetupError(
            f"The manifest of the model in {folder} cannot be read: {error}. "
            "Publish the model again."
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest as people and programs read it."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(text + b"\n")


def versions_of(home: Path) -> list[int]:
    """The published versions of the model that lies in a folder, oldest first."""
    return sorted(
        int(path.name)
        for path in home.glob("[1-9]*")
        if path.name.isdecimal() and (path / MANIFEST).is_file()
    )


def names_in(models_folder: Path) -> list[str]:
    """The models of a registry, by name."""
    return sorted(
        path.name
        for path in models_folder.glob("*")
        if _NAME.fullmatch(path.name) and path.is_dir() and versions_of(path)
    )


def check_name(name: str) -> str:
    """A name, if it can be one.

    Raises:
        ConfigError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be a model's name: use small letters, digits, '.', '_' and '-'"
        )
    return name


def library_versions() -> dict[str, str]:
    """Versions of the libraries a model depends on, of those that are installed."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
