"""A contestant's processes: started, watched, pinned to cores, and ended, all of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.bench import ContestantFailedError

_LAST_LINES = 12


class ProcessTree:
    """A program and everything it starts.

    Args:
        argv: the program.
        env: added to this process's environment.
        log: file for what it writes.

    Use as a context manager; leaving it kills the tree.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._argv = list(argv)
        self._env = {**os.environ, **env}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start the program, in a session of its own: Ctrl-C reaches this process alone."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._argv,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill every process of the tree and wait for the first."""
        members = self.members()
        for process in members:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._started.wait()
        psutil.wait_procs(members, timeout=10)

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("use the tree as a context manager")
        return self._process

    def members(self) -> list[psutil.Process]:
        """Its processes that live now, the program first."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._started.pid)
            return [root, *root.children(recursive=True)]
        return []

    def cpu_s(self) -> float:
        """CPU time of all of them, those included that ended and were waited for."""
        total = 0.0
        for process in self.members():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
                total += getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
        return total

    def rss_bytes(self) -> int:
        """Memory of all of them, shared pages counted for each."""
        total = 0
        for process in self.members():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def check_alive(self) -> None:
        """See that the program still runs.

        Raises:
            ContestantFailedError: it ended; the text has its last words.
        """
        code = self._started.poll()
        if code is not None:
            raise ContestantFailedError(f"it ended with {code}:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of what it wrote."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return "\n".join(f"    {line}" for line in lines[-_LAST_LINES:])


@asynccontextmanager
async def run_tree(
    argv: Sequence[str], env: Mapping[str, str], log: Path
) -> AsyncIterator[ProcessTree]:
    """A tree for the length of a block; ending it does not block the event loop."""
    tree = ProcessTree(argv, env, log)
    tree.__enter__()
    try:
        yield tree
    finally:
        await asyncio.shield(asyncio.to_thread(tree.__exit__, None, None, None))


def can_pin() -> bool:
    """Whether this system lets us choose the cores of a process, and has two of them."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


def pin(process: psutil.Process, cores: Collection[int]) -> None:
    """Keep every thread of a process on these cores; new threads inherit it."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(psutil.Error):
        for thread in process.threads():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.sched_setaffinity(thread.id, cores)
