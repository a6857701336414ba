"""A device's socket, and its private folder, gone with its owner or at the next start."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

_PREFIX = "aimass-device-"
_MAX_PATH = 100
_SWEEP_AFTER_S = 60.0


class SocketFolder:
    """A folder that only this user may enter, held by a lock for as long as its owner lives.

    A killed owner cannot remove its folder, so whoever makes the next one does.

    Attributes:
        path: the folder; short, since a Unix socket's path has room for some hundred bytes.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def make(cls) -> SocketFolder:
        """Make a folder, and remove those of owners that are dead.

        Raises:
            OSError: there is no place for temporary files.
        """
        root = Path(tempfile.gettempdir())
        if len(str(root)) + 2 * len(_PREFIX) > _MAX_PATH:
            root = Path("/tmp")  # noqa: S108 - mkdtemp makes a name nobody can foresee
        _sweep(root)
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return cls(path, fd)

    def remove(self) -> None:
        """Remove it with what lies in it. Call it once."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._fd)


def listen(path: Path) -> socket.socket:
    """A listener at a path, for this user alone; whatever lies there is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.settimeout(0)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen()
    return listener


async def wait_called(path: Path) -> socket.socket:
    """Listen at a path until somebody connects, who is not answered.

    Returns:
        The listener. Close it once somebody else listens at the path, so that whoever connected
        tries again there.
    """
    listener, called = listen(path), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(listener, called.set)
    try:
        await called.wait()
    except BaseException:
        loop.remove_reader(listener)
        listener.close()
        raise
    loop.remove_reader(listener)
    return listener


def _sweep(root: Path) -> None:
    # A young folder may not be locked yet.
    oldest = time.time() - _SWEEP_AFTER_S
    for path in root.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest and _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(path: Path) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True
