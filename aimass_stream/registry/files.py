"""Which files a model may consist of, and their checksums.

Weights are safetensors, everything else is JSON, text or a SentencePiece vocabulary: formats
that can be read without running anything. A file is judged by its name and by its content, so a
pickle is refused under any name. Nothing is loaded here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import orjson

from aimass_stream.errors import SetupError

MANIFEST = "manifest.json"
"""Lists the files of a published model; itself not listed."""

MAX_TEXT_BYTES = 256 * 1024 * 1024
"""Bytes of one JSON or text file; tokenizers of large vocabularies take some ten million."""

_TEXT = frozenset({".txt", ".md"})
_TEXT_NAMES = frozenset({"LICENSE", "NOTICE", ".gitattributes", ".gitignore"})
_SENTENCEPIECE = frozenset({".model", ".spm"})
_PIECE_FIELDS = (0x0A, 0x12, 0x1A, 0x22, 0x2A)
_RUNS_CODE = frozenset(
    {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".h5", ".keras"}
    | {".py", ".pyc", ".so", ".msgpack", ".skops", ".dill"}
)


class FileEntry(msgspec.Struct, frozen=True):
    """One file of a model.

    Attributes:
        sha256: hex digest of its bytes.
        size: its length in bytes.
    """

    sha256: str
    size: int


def scan(folder: Path) -> dict[str, FileEntry]:
    """Check every file of a model folder and return their checksums, by path in the folder.

    The manifest is left out.

    Raises:
        SetupError: a file is of no accepted kind, or is not what its name says.
    """
    return {name: entry_of(folder / name) for name in check_kinds(folder)}


def check_kinds(folder: Path) -> list[str]:
    """Check every file of a model folder and return their paths in it, in order.

    The manifest is left out.

    Raises:
        SetupError: a file is of no accepted kind, or is not what its name says.
    """
    names = []
    for path in files_in(folder):
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST:
            check_kind(path, name, folder)
            names.append(name)
    if not names:
        raise SetupError(f"Model folder {folder} has no files.")
    return names


def digest_of(entries: Mapping[str, FileEntry]) -> str:
    """One checksum, in hex, for all files of a model and their names."""
    return hashlib.sha256(msgspec.json.encode(entries, order="sorted")).hexdigest()


def check_digest(folder: Path, digest: str) -> None:
    """See that a model's files are still those that were resolved.

    Raises:
        SetupError: they are not, or one is of no accepted kind.
    """
    if digest_of(scan(folder)) != digest:
        raise SetupError(
            f"The files in {folder} have changed since the worker chose this model, so its "
            "version would not mean what it meant. Nothing was loaded. Start the worker again; "
            "`aimass doctor` says which models are whole."
        )


def entry_of(path: Path) -> FileEntry:
    """Checksum and size of one file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(digest, file.tell())


def files_in(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order of their paths.

    Raises:
        SetupError: something there is neither a file nor a folder.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path
        elif path.is_symlink() or not path.is_dir():
            # A linked folder would not be walked, yet a loader could reach into it.
            raise SetupError(f"Model folder {folder}: {path.name} is no file. Remove it.")


def check_kind(path: Path, name: str, folder: Path) -> None:
    """See that a file is of an accepted kind, by its name and by its content.

    Args:
        path: where it lies.
        name: its path in the model folder.
        folder: the model folder.

    Raises:
        SetupError: it is not.
    """
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        fits = _is_safetensors(path)
    elif suffix == ".json":
        fits = _is_json(path)
    elif suffix in _TEXT or path.name in _TEXT_NAMES:
        fits = _is_text(path)
    elif suffix in _SENTENCEPIECE:
        fits = _is_sentencepiece(path)
    else:
        raise SetupError(_refusal(name, suffix, folder))
    if not fits:
        raise SetupError(
            f"Model folder {folder}: {name} is not what its name says. It was not loaded; "
            "get the model from its source again."
        )


def _refusal(name: str, suffix: str, folder: Path) -> str:
    if suffix in _RUNS_CODE:
        why = "such a file can run code when it is loaded"
    else:
        why = (
            "only .safetensors, .json, .txt and SentencePiece's .model and .spm files are accepted"
        )
    return (
        f"Model folder {folder}: {name} is refused, because {why}. Save the model again with "
        "model.save_pretrained(folder), which writes safetensors, and delete this file."
    )


def _is_safetensors(path: Path) -> bool:
    """Whether the file begins with a safetensors header that fits into it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, 100_000_000):
            return False
        return _parses(file.read(length))


def _is_sentencepiece(path: Path) -> bool:
    """Whether the file is a chain of the messages that a SentencePiece vocabulary consists of.

    They are data that its library reads; a pickle or an archive does not begin so, nor end where
    its last length says.
    """
    if not 0 < path.stat().st_size <= MAX_TEXT_BYTES:
        return False
    content = path.read_bytes()
    at, pieces = 0, 0
    while at < len(content):
        # Fields 1 to 5, each of them a length and as many bytes.
        if content[at] not in _PIECE_FIELDS:
            return False
        pieces += content[at] == _PIECE_FIELDS[0]
        length, at = _read_length(content, at + 1)
        at += length
    return at == len(content) and pieces > 0


def _read_length(content: bytes, at: int) -> tuple[int, int]:
    """A number of protobuf, and where it ends; beyond the end where there is none."""
    number = 0
    for shift in range(0, 35, 7):
        if at >= len(content):
            break
        number |= (content[at] & 0x7F) << shift
        at += 1
        if content[at - 1] < 0x80:
            return number, at
    return 0, len(content) + 1


def _is_json(path: Path) -> bool:
    return path.stat().st_size <= MAX_TEXT_BYTES and _parses(path.read_bytes())


def _is_text(path: Path) -> bool:
    if path.stat().st_size > MAX_TEXT_BYTES:
        return False
    content = path.read_bytes()
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _parses(content: bytes) -> bool:
    try:
        return isinstance(orjson.loads(content), dict | list)
    except orjson.JSONDecodeError:
        return False
