"""Whether the files of a published version are still those that were published.

Checksums find damage: a bad disk, an interrupted copy, an edit by hand. Whoever can write the
registry can write a manifest too, so they prove nothing against that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aimass_stream.errors import SetupError
from aimass_stream.registry.files import MANIFEST, FileEntry, check_kind, entry_of, files_in
from aimass_stream.registry.manifest import Manifest, read_manifest
from aimass_stream.registry.references import versions_meant

DIGEST_CHARS = 12
"""So much of a checksum tells two apart for people."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something about a version that is not as it was published.

    Attributes:
        file: the file, by its path in the folder.
        text: what is wrong with it, as the end of a sentence.
    """

    file: str
    text: str


def versions_there(models_folder: Path, reference: str | None) -> list[tuple[str, str]]:
    """The names and versions to verify, oldest first; one that lost its manifest is among them.

    Args:
        models_folder: the registry.
        reference: `name` or `name@version`; None for everything.

    Raises:
        ConfigError: there is no such model or version.
    """
    if reference is None:
        homes = [path for path in sorted(models_folder.glob("[!.]*")) if path.is_dir()]
        return [(home.name, version) for home in homes for version in _numbered(home)]
    name, meant = versions_meant(reference, models_folder)
    versions = meant if "@" in reference else _numbered(models_folder / name)
    return [(name, version) for version in versions]


def _numbered(home: Path) -> list[str]:
    numbers = [path.name for path in home.glob("[1-9]*") if path.name.isdecimal() and path.is_dir()]
    return sorted(numbers, key=int)


def verify_version(models_folder: Path, name: str, version: str) -> list[Difference]:
    """Read every file of a version and compare it with the manifest; empty where all is well.

    Args:
        models_folder: the registry.
        name: of the model.
        version: its number.
    """
    folder = models_folder / name / version
    if not (folder / MANIFEST).is_file():
        return [Difference(MANIFEST, "is missing")]
    try:
        manifest = read_manifest(folder)
    except SetupError as error:
        return [Difference(MANIFEST, f"cannot be read: {error.__cause__}")]
    try:
        present = {path.relative_to(folder).as_posix(): path for path in files_in(folder)}
    except SetupError as error:
        return [Difference(str(folder), f"cannot be loaded: {error}")]
    if manifest.id != f"{name}@{version}":
        return [Difference(MANIFEST, f"is that of {manifest.id}")]
    present.pop(MANIFEST, None)
    found = {file: _problem(manifest, file, present, folder) for file in _names(manifest, present)}
    return [Difference(file, text) for file, text in found.items() if text]


def _names(manifest: Manifest, present: dict[str, Path]) -> list[str]:
    return sorted({*manifest.files, *present})


def _problem(manifest: Manifest, file: str, present: dict[str, Path], folder: Path) -> str:
    """What is wrong with a file; empty where nothing is."""
    if file not in present:
        return "is missing"
    if file not in manifest.files:
        return "was not there when the model was published"
    try:
        text = _compare(manifest.files[file], entry_of(present[file]))
        if not text:
            check_kind(present[file], file, folder)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except SetupError as error:
        return f"cannot be loaded: {error}"
    return text


def _compare(published: FileEntry, found: FileEntry) -> str:
    if found == published:
        return ""
    if found.size != published.size:
        return f"has {found.size:,} bytes, not {published.size:,}"
    return f"has SHA-256 {found.sha256[:DIGEST_CHARS]}..., not {published.sha256[:DIGEST_CHARS]}..."
