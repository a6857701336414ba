"""Snapshots of a learner's state: generations in a folder, each named by the offset it includes.

A state is a function of its log, so a snapshot is only a short cut: whoever wrote it, it says
what anybody would have learnt by that offset. A worker that lost the partition can therefore
do no harm by writing late, and a damaged generation costs a longer replay and nothing else.

Arrays lie in safetensors, the rest in msgpack, behind a checksum. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import logging
import posixpath
from hashlib import sha256

import fsspec
import msgspec
import safetensors.numpy
from safetensors import SafetensorError

from aimass_stream.learner import Snapshot
from aimass_stream.runtime.blocks import LaidDown

log = logging.getLogger("aimass.learners")

GENERATIONS = 3
"""So many that the group can come back to are kept, beside the first of all."""

_MAGIC = b"aimass-state-1\n"
_SUFFIX = ".snapshot"
_DRAFT = ".new"


class _Body(msgspec.Struct, frozen=True, array_like=True):
    learner: str
    offset: int
    data: dict[str, object]
    seen: bytes
    arrays: bytes


class DamagedSnapshotError(Exception):
    """A snapshot cannot be used; the text says why."""


class UnwrittenSnapshotError(Exception):
    """A snapshot could not be written; the text names its path and the bytes it takes."""


class SnapshotStore:
    """The generations of one state. Blocks; not for an event loop.

    Args:
        url: the folder: a path, or any URL that fsspec knows a driver for.
        learner_id: `name@version` whose state it is.
    """

    def __init__(self, url: str, learner_id: str) -> None:
        self._files, self.folder = fsspec.core.url_to_fs(url)
        self._learner_id = learner_id

    def offsets(self) -> list[int]:
        """Offsets of the generations, oldest first."""
        if not self._files.isdir(self.folder):
            return []
        names = [posixpath.basename(path) for path in self._files.ls(self.folder, detail=False)]
        return sorted(
            int(name.removesuffix(_SUFFIX))
            for name in names
            if name.endswith(_SUFFIX) and name.removesuffix(_SUFFIX).isdecimal()
        )

    def write(self, laid_down: LaidDown, committed: int) -> None:
        """Add a generation, whole or not at all, and delete those nobody can need.

        Args:
            laid_down: the state.
            committed: offset that the group has committed; a restart begins there, so a
                generation beyond it is of no use yet and one well before it not any more.

        Raises:
            UnwrittenSnapshotError: the folder takes no more; what lay there before still does.
        """
        body = msgspec.msgpack.encode(
            _Body(
                self._learner_id,
                laid_down.offset,
                laid_down.snapshot.data,
                laid_down.seen,
                safetensors.numpy.save(laid_down.snapshot.arrays),
            )
        )
        self._place(self._path(laid_down.offset), _MAGIC + sha256(body).digest() + body)
        try:
            self._tidy(laid_down.offset, committed)
        except OSError as error:
            log.warning("old snapshots in %s are not deleted: %s", self.folder, error)

    def _place(self, path: str, content: bytes) -> None:
        draft = f"{path}{_DRAFT}"
        try:
            self._files.makedirs(self.folder, exist_ok=True)
            with self._files.open(draft, "wb") as file:
                file.write(content)
            self._files.mv(draft, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._files.rm(draft)
            raise UnwrittenSnapshotError(
                f"Snapshot {path}, of {len(content)} bytes, cannot be written: {error}."
            ) from error

    def _tidy(self, written: int, committed: int) -> None:
        """Delete generations nobody can need, and what killed writers have left."""
        for path in self._files.ls(self.folder, detail=False):
            name = posixpath.basename(path)
            number = name.removesuffix(_DRAFT).removesuffix(_SUFFIX)
            if name.endswith(_DRAFT) and number.isdecimal() and int(number) <= written:
                self._files.rm(path)
        reachable = [offset for offset in self.offsets()[1:] if offset <= committed]
        for offset in reachable[:-GENERATIONS]:
            self._files.rm(self._path(offset))

    def read(self, offset: int) -> LaidDown:
        """The generation of an offset.

        Raises:
            DamagedSnapshotError: it is damaged, or another learner's.
        """
        try:
            with self._files.open(self._path(offset), "rb") as file:
                held: bytes = file.read()
            start = len(_MAGIC) + sha256().digest_size
            body = held[start:]
            if held[:start] != _MAGIC + sha256(body).digest():
                raise DamagedSnapshotError("its checksum is wrong")
            read = msgspec.msgpack.decode(body, type=_Body)
            arrays = safetensors.numpy.load(read.arrays)
        except (OSError, msgspec.MsgspecError, SafetensorError) as error:
            raise DamagedSnapshotError(f"it cannot be read: {error}") from error
        if (read.learner, read.offset) != (self._learner_id, offset):
            raise DamagedSnapshotError(f"it is of {read.learner} at offset {read.offset}")
        return LaidDown(offset, Snapshot(arrays, read.data), read.seen)

    def _path(self, offset: int) -> str:
        return posixpath.join(self.folder, f"{offset:020d}{_SUFFIX}")
