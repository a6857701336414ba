"""Which files of a folder are sent, in an order that is the same in every run."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote_from_bytes


@dataclass(frozen=True, slots=True)
class File:
    """A file below the folder.

    Attributes:
        root: the folder.
        relative: where it lies in the folder.
        size: its length in bytes when it was found.
        modified_ns: when its content was last changed.
    """

    root: Path
    relative: PurePosixPath
    size: int
    modified_ns: int

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.root / self.relative

    @property
    def id(self) -> str:
        """Differs once the file is changed, so that a repaired file is sent again."""
        return f"{quote_from_bytes(os.fsencode(self.relative))}?{self.size}.{self.modified_ns}"

    @property
    def name(self) -> str:
        """Its place in the folder, as text; bytes that are no UTF-8 are replaced."""
        return as_text(self.relative)

    @property
    def folder(self) -> str:
        """The folder below the root it lies in, as text; empty for the root itself."""
        return "" if self.relative.parent == PurePosixPath() else as_text(self.relative.parent)


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds.

    Attributes:
        files: those with one of the suffixes, in order.
        others: names of the rest.
    """

    files: list[File]
    others: list[str]


def find_files(root: Path, suffixes: Collection[str]) -> Found:
    """Look through a folder and all below it; hidden files and folders are passed over.

    Linked files count, linked folders are not followed.
    """
    found = Found([], [])
    for relative, status in _walk(root):
        if relative.suffix.lower() in suffixes:
            found.files.append(File(root, relative, status.st_size, status.st_mtime_ns))
        else:
            found.others.append(as_text(relative))
    found.files.sort(key=lambda file: os.fsencode(file.relative))
    found.others.sort()
    return found


def as_text(path: PurePosixPath) -> str:
    """The path as text that any encoder takes."""
    return os.fsencode(path).decode(errors="replace")


def _walk(root: Path) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            if name.startswith("."):
                continue
            try:
                status = path.stat()
            except OSError:
                # A broken link, say: found, and named later as unreadable.
                status = path.lstat()
            else:
                if not stat.S_ISREG(status.st_mode):
                    continue
            yield PurePosixPath(path.relative_to(root)), status
