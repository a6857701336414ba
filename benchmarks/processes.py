"""A contestant's processes: started, watched, pinned to cores, and ended, all of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from aimass_stream.cli.worker import free_ports
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

    @property
    def pid(self) -> int:
        """Of the program itself."""
        return self._started.pid

    def members(self) -> list[psutil.Process]:
        """Its processes that live now, the program first."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._started.pid)
            return [root, *root.children(recursive=True)]
        return []

    def cpu_s(self) -> float:
        """CPU time of all of them, those included that ended and were waited for."""
        return sum(_cpu_s(process, children=True) for process in self.members())

    def device_cpu_s(self) -> float:
        """CPU time of its device process alone, the spare left out."""
        return sum(_cpu_s(one, children=False) for one in self.members() if is_device(one))

    def rss_bytes(self) -> int:
        """Memory of all of them, shared pages counted for each."""
        total = 0
        for process in self.members():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def send_signal(self, number: int) -> None:
        """Signal the program itself."""
        self._started.send_signal(number)

    def is_alive(self) -> bool:
        """Whether the program still runs."""
        return self._started.poll() is None

    def check_alive(self) -> None:
        """See that the program still runs.

        Raises:
            ContestantFailedError: it ended; the text has its last words.
        """
        if not self.is_alive():
            code = self._started.returncode
            raise ContestantFailedError(f"it ended with {code}:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of what it wrote."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return "\n".join(f"    {line}" for line in lines[-_LAST_LINES:])


@asynccontextmanager
async def run_tree(
    argv: Sequence[str],
    env: Mapping[str, str],
    log: Path,
    starting: AbstractContextManager[None] | None = None,
) -> AsyncIterator[ProcessTree]:
    """A tree for the length of a block; ending it does not block the event loop.

    Args:
        argv: the program.
        env: added to this process's environment.
        log: file for what it writes.
        starting: held while it is started.
    """
    tree = ProcessTree(argv, env, log)
    with starting or nullcontext():
        tree.__enter__()
    try:
        yield tree
    finally:
        await asyncio.shield(asyncio.to_thread(tree.__exit__, None, None, None))


def _cpu_s(process: psutil.Process, *, children: bool) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + (ended if children else 0.0))


def is_device(process: psutil.Process) -> bool:
    """Whether it holds models; not learners, nor the spare that stands by."""
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return "aimass_stream.runtime.device" in command and not {"learners", "--spare"} & {*command}


def worker_env(url: str, state: Path, number: int = 0) -> dict[str, str]:
    """Settings of a worker of ours that is measured, the first or one of several."""
    return {
        "AIMASS_BROKER": url,
        "AIMASS_REPLICATION": "1",
        "AIMASS_LOG_LEVEL": "WARNING",
        "AIMASS_STATE": str(state),
        "AIMASS_WEB_PORT": str(free_ports(6066 + 100 * number, 1)[0]),
    }


@dataclass(frozen=True)
class Cores:
    """One core for the device, the others for all else.

    Attributes:
        device: the device's core; -1 where processes cannot be pinned.
        others: the cores of the broker, the worker and whoever measures.
    """

    device: int
    others: frozenset[int]

    @classmethod
    def choose(cls) -> Self:
        """The last core for the device, on Linux with two cores or more."""
        if sys.platform != "linux" or len(cores := sorted(os.sched_getaffinity(0))) < 2:
            return cls(-1, frozenset())
        return cls(cores[-1], frozenset(cores[:-1]))

    @property
    def can_pin(self) -> bool:
        """Whether there are two cores and processes can be kept on them."""
        return self.device >= 0

    @contextmanager
    def beside(self, pids: Iterable[int]) -> Iterator[None]:
        """Keep these processes off the device's core for the length of a block."""
        everywhere = {*self.others, self.device} if self.can_pin else set[int]()
        for pid in pids:
            pin(pid, self.others)
        try:
            yield
        finally:
            for pid in pids:
                pin(pid, everywhere)

    def starting(self) -> AbstractContextManager[None]:
        """A block in which started processes see one core, the device's, and so use one thread."""
        return _affinity({self.device}) if self.can_pin else nullcontext()

    def spread(self, tree: ProcessTree) -> None:
        """Give the tree's device process the device's core, and the rest the others.

        The program stays on the device's core until there is a device process: what it starts
        sees the cores that it has itself, and the device is to see one.
        """
        if not self.can_pin:
            return
        members = tree.members()
        devices = [process for process in members if is_device(process)]
        for process in members if devices else members[1:]:
            pin(process.pid, {self.device} if process in devices else self.others)


@contextmanager
def _affinity(cores: Collection[int]) -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin(pid: int, cores: Collection[int]) -> None:
    """Keep every thread of a process on these cores; new threads inherit it."""
    if sys.platform != "linux" or not cores:
        return
    with contextlib.suppress(psutil.Error):
        for thread in psutil.Process(pid).threads():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.sched_setaffinity(thread.id, cores)
