"""The journal of a folder and a topic: which items the broker has acknowledged.

Only ever appended to, one line for each acknowledgement and one write for each line. So a process
that is killed leaves out at most what it had not yet noted, and its last line at worst half.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from aimass_stream.errors import AimassError, ConfigError

Place = tuple[int, int]
"""Partition and offset of a record."""


class Journal:
    """What was acknowledged in this run and in those before it.

    Args:
        path: the file; made when the journal is entered.
        title: what it is about, for people who open it.

    Use as a context manager, in one process at a time.

    Attributes:
        last: the highest offset noted of each partition.
    """

    def __init__(self, path: Path, title: str) -> None:
        self._path = path
        self._title = title
        self._file: IO[bytes] | None = None
        self._ids: set[str] = set()
        self.last: dict[int, int] = {}

    def __enter__(self) -> Self:
        """Read what is there.

        Raises:
            ConfigError: the folder cannot be written.
            AimassError: another process sends the same folder to the same topic.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: what was noted is the kernel's at once, and survives kill -9.
            self._file = self._path.open("a+b", buffering=0)
        except OSError as error:
            raise ConfigError(
                f"What was sent cannot be noted in {self._path.parent}: {error}. "
                "Make it writable, or choose another state folder with AIMASS_STATE."
            ) from error
        try:
            flock(self._file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise AimassError(
                f"Another aimass is sending this: {self._title}. Wait for it, or end it."
            ) from None
        self._read(self._file)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def note(self, item_id: str, place: Place) -> None:
        """Note that the broker has the item.

        Raises:
            OSError: it cannot be written, e.g. the disk is full.
        """
        partition, offset = place
        self._append(f"{partition} {offset} {item_id}\n")
        self._remember(item_id, place)

    def forget(self) -> None:
        """Start over: nothing has been sent."""
        self._ids.clear()
        self.last.clear()
        if self._file is not None:
            self._file.truncate(0)
            self._append(f"# {quote(self._title, safe=' /:>-')}\n")

    def _append(self, line: str) -> None:
        if self._file is None:
            raise RuntimeError("use the journal as a context manager")
        payload = line.encode()
        if self._file.write(payload) != len(payload):
            raise OSError(f"{self._path} takes no more bytes")

    def _remember(self, item_id: str, place: Place) -> None:
        partition, offset = place
        self._ids.add(item_id)
        self.last[partition] = max(offset, self.last.get(partition, -1))

    def _read(self, file: IO[bytes]) -> None:
        file.seek(0)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            self.forget()
            return
        file.truncate(len(whole))
        for item_id, place in _entries(whole.decode(errors="replace").splitlines()):
            self._remember(item_id, place)


def journal_path(state: Path, origin: Path | str, topic: str, cluster_id: str) -> Path:
    """Where the journal of this folder or file, topic and cluster lies.

    The cluster's id rather than its address: the embedded broker may move to another port, and a
    cluster that was made anew at the same address has none of the records.
    """
    about = b"\0".join((os.fsencode(origin), topic.encode(), cluster_id.encode()))
    return state / "produce" / f"{topic}-{hashlib.sha256(about).hexdigest()[:12]}.journal"


def _entries(lines: Iterable[str]) -> Iterable[tuple[str, Place]]:
    for line in lines:
        partition, _, rest = line.partition(" ")
        offset, _, item_id = rest.partition(" ")
        if partition.isdecimal() and offset.isdecimal() and item_id:
            yield item_id, (int(partition), int(offset))
