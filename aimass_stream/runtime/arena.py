"""An arena: memory that a link shares with the device process for large payloads.

It is a file without a name (a memfd on Linux, an unlinked temporary file elsewhere) that the
client makes for each connection and hands over once, with the first bytes it sends. So it is
gone when both ends are, however they end. The client alone decides where a batch lies; the
device process only reads.
"""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import socket
import struct
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from typing import Self

from aimass_stream.runtime.frames import FrameError, Payload, split
from aimass_stream.runtime.messages import Slot

DEFAULT_ARENA_BYTES = 64 * 1024 * 1024
MAX_ARENA_BYTES = 4 * 1024 * 1024 * 1024

_ALIGN = 64
_PREAMBLE = struct.Struct("=4sQ")
_PREAMBLE_MAGIC = b"aim\x01"
_PREAMBLE_TIMEOUT_S = 10.0


class Arena:
    """The client's end: places payloads and frees their slots. Used from one thread."""

    def __init__(self, fd: int, memory: mmap.mmap) -> None:
        self.fd = fd
        self.size_bytes = len(memory)
        self._memory = memory
        self._view = memoryview(memory)
        self._free: list[tuple[int, int]] = [(0, len(memory))]

    @classmethod
    def create(cls, size_bytes: int = DEFAULT_ARENA_BYTES) -> Self:
        """Make an arena; memory is taken only where payloads are placed.

        Raises:
            OSError: the system has no memory or file to give.
        """
        fd = _create_file(size_bytes)
        try:
            return cls(fd, mmap.mmap(fd, size_bytes))
        except BaseException:
            os.close(fd)
            raise

    def place(self, payloads: Sequence[Payload]) -> Slot | None:
        """Copy payloads into a free slot; None when no free stretch is long enough."""
        sizes = list(map(len, payloads))
        offset = self._take(_rounded(sum(sizes)))
        if offset is None:
            return None
        view, start = self._view, offset
        for payload, size in zip(payloads, sizes, strict=True):
            view[start : start + size] = payload
            start += size
        return Slot(offset, sizes)

    def free(self, slot: Slot) -> None:
        """Give a slot back; the device process must not read it any more."""
        start, size = slot.offset, _rounded(sum(slot.sizes))
        free = self._free
        index = bisect_left(free, (start, size))
        if index < len(free) and free[index][0] == start + size:
            size += free.pop(index)[1]
        if index and sum(free[index - 1]) == start:
            index -= 1
            start, before = free.pop(index)
            size += before
        free.insert(index, (start, size))

    @property
    def free_bytes(self) -> int:
        """Bytes that no slot holds."""
        return sum(size for _, size in self._free)

    def close(self) -> None:
        """Let go of the memory, once; the device process may still hold its own view of it."""
        if not self._memory.closed:
            self._view.release()
            self._memory.close()
            os.close(self.fd)

    def _take(self, size: int) -> int | None:
        for index, (start, free) in enumerate(self._free):
            if free >= size:
                if free == size:
                    del self._free[index]
                else:
                    self._free[index] = (start + size, free - size)
                return start
        return None


class ArenaView:
    """The device process's end: reads what the client has placed."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._view = memoryview(memory)

    def views(self, slot: Slot) -> list[memoryview]:
        """The payloads of a slot, read-only and without a copy.

        Raises:
            FrameError: the slot is not inside the arena.
        """
        end = slot.offset + sum(slot.sizes)
        if slot.offset < 0 or min(slot.sizes, default=0) < 0 or end > len(self._view):
            raise FrameError(f"a slot up to byte {end} of an arena of {len(self._view)} bytes")
        return split(self._view[slot.offset : end], slot.sizes)


def _rounded(size: int) -> int:
    return max(_ALIGN, (size + _ALIGN - 1) & -_ALIGN)


def _create_file(size_bytes: int) -> int:
    if sys.platform == "linux":
        fd = os.memfd_create("aimass-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        fd, path = tempfile.mkstemp(prefix="aimass-arena-")
        os.unlink(path)  # noqa: PTH108 - a name made one line above
    try:
        os.ftruncate(fd, size_bytes)
        if sys.platform == "linux":
            # A file that shrinks under a mapping kills whoever reads it with SIGBUS.
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    except BaseException:
        os.close(fd)
        raise
    return fd


def send_arena(sock: socket.socket, arena: Arena) -> None:
    """Hand an arena over, as the first thing on a connected socket.

    Raises:
        OSError: the connection is gone.
    """
    preamble = _PREAMBLE.pack(_PREAMBLE_MAGIC, arena.size_bytes)
    socket.send_fds(sock, [preamble], [arena.fd])


async def receive_arena(sock: socket.socket) -> ArenaView:
    """Take the arena that the peer hands over first on a non-blocking socket.

    Raises:
        FrameError: the peer sent something else, or nothing in time.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        async with asyncio.timeout(_PREAMBLE_TIMEOUT_S):
            await readable.wait()
    except TimeoutError:
        raise FrameError("the peer connected and sent nothing") from None
    finally:
        loop.remove_reader(sock)
    return _take_arena(sock)


def _take_arena(sock: socket.socket) -> ArenaView:
    try:
        data, fds, _, _ = socket.recv_fds(sock, _PREAMBLE.size, 1)
    except OSError as error:
        raise FrameError(f"the peer is gone: {error}") from error
    try:
        if len(data) != _PREAMBLE.size or len(fds) != 1:
            raise FrameError("the peer did not begin with an arena")
        magic, size_bytes = _PREAMBLE.unpack(data)
        if magic != _PREAMBLE_MAGIC or size_bytes > MAX_ARENA_BYTES:
            raise FrameError("the peer did not begin with an arena of this version")
        if os.fstat(fds[0]).st_size < size_bytes:
            raise FrameError("the peer's arena is shorter than announced")
        return ArenaView(mmap.mmap(fds[0], size_bytes, mmap.MAP_SHARED, mmap.PROT_READ))
    except (OSError, ValueError) as error:
        raise FrameError(f"the peer's arena cannot be read: {error}") from error
    finally:
        for fd in fds:
            os.close(fd)
