"""Child processes: started, watched, restarted, ended. No Faust, no torch.

A child's stdin is a pipe that only its owner holds, so that it notices when the owner is gone
(see `parent`). It is in a process group of its own, since Ctrl-C in a terminal is for the
owner to pass on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from aimass_stream.errors import ConfigError

CONFIG_EXIT_CODE = ConfigError.exit_code

_TAIL_BYTES = 4_000
_TAIL_LINES = 12
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start.

    Attributes:
        name: what people call it: `worker 1`.
        argv: the program and its arguments.
        folder: its working directory.
        env: variables added to this process's own.
        log: file that its stderr is appended to; this process's stderr when there is none.
    """

    name: str
    argv: Sequence[str]
    folder: Path = field(default_factory=Path.cwd)
    env: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended.

    Attributes:
        pid: its id while it lived.
        code: its exit code; the negative number of the signal that killed it.
        reason: the same for people, with what its owner knows of it.
        last_words: the last lines of its stderr, where they can be known.
        lived_s: seconds from its start.
    """

    pid: int
    code: int
    reason: str
    last_words: str
    lived_s: float


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One line of a live view.

    Attributes:
        name: what people call it.
        pid: None while it is down.
        restarts: how often it was started again.
        last_exit: why it ended last; empty when it never did.
    """

    name: str
    pid: int | None
    restarts: int
    last_exit: str


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: longer each time, short again after a long life.

    A process that was at work for `reset_after_s` could start, so what ended it is no reason to
    wait; and nobody waits longer than a restart is promised to take.
    """

    first_s: float = 0.2
    max_s: float = 10.0
    reset_after_s: float = 10.0
    _next_s: float = field(default=0.0, init=False)

    def delay_s(self, lived_s: float) -> float:
        """Seconds to wait after a process that lived this long."""
        if lived_s >= self.reset_after_s or not self._next_s:
            self._next_s = self.first_s
        delay_s, self._next_s = self._next_s, min(self._next_s * 2, self.max_s)
        return delay_s


class Child:
    """One running process. Belongs to the event loop and thread that started it.

    Attributes:
        exited: done when the process has ended and was reaped.
        note: set by whoever kills it, to say why.
    """

    def __init__(self, popen: subprocess.Popen[bytes], command: Command) -> None:
        self._popen = popen
        self._command = command
        self._loop = asyncio.get_running_loop()
        self._started_at = self._loop.time()
        self._tail = b""
        self._pipes: dict[int, Callable[[bytes], None]] = {}
        self.pid = popen.pid
        self.exited: asyncio.Future[Exit] = self._loop.create_future()
        self.note = ""

    @classmethod
    def start(
        cls,
        command: Command,
        on_stdout: Callable[[bytes], None] | None = None,
        on_stderr: Callable[[bytes], None] | None = None,
    ) -> Child:
        """Start a process.

        Args:
            command: what to start.
            on_stdout: takes what it writes to stdout; this process's own when not given.
            on_stderr: takes what it writes to stderr, and its last lines are kept.

        Raises:
            ConfigError: there is no such program or folder, or no place for its log.
        """
        try:
            with contextlib.ExitStack() as stack:
                stderr: int | IO[bytes] | None = subprocess.PIPE if on_stderr else None
                if command.log is not None and on_stderr is None:
                    stderr = stack.enter_context(command.log.open("ab"))
                popen = subprocess.Popen(
                    command.argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE if on_stdout else None,
                    stderr=stderr,
                    cwd=command.folder,
                    env={**os.environ, **command.env},
                    process_group=0,
                    bufsize=0,
                )
        except OSError as error:
            raise ConfigError(f"{command.name} cannot be started: {error}") from error
        child = cls(popen, command)
        child._read(popen.stdout, on_stdout)
        child._read(popen.stderr, on_stderr, keep=True)
        child._wait()
        return child

    def send_line(self, line: bytes) -> None:
        """Write a line to its stdin; nothing happens when it is gone."""
        if self._popen.stdin is not None and not self.exited.done():
            with contextlib.suppress(OSError):
                self._popen.stdin.write(line + b"\n")

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it is gone."""
        # Popen knows whether the process was reaped, after which its number may be another's.
        self._popen.send_signal(number)

    async def stop(self, budget_s: float) -> Exit:
        """SIGTERM, and SIGKILL when it is still there after `budget_s` seconds."""
        self.send_signal(signal.SIGTERM)
        await asyncio.wait([self.exited], timeout=budget_s)
        self.send_signal(signal.SIGKILL)
        return await asyncio.shield(self.exited)

    # -- what it says --------------------------------------------------------------------

    def _read(
        self, pipe: IO[bytes] | None, sink: Callable[[bytes], None] | None, *, keep: bool = False
    ) -> None:
        if pipe is None or sink is None:
            return
        os.set_blocking(pipe.fileno(), False)

        def take(data: bytes) -> None:
            if keep:
                self._tail = (self._tail + data)[-_TAIL_BYTES:]
            sink(data)

        self._pipes[pipe.fileno()] = take
        self._loop.add_reader(pipe.fileno(), self._read_some, pipe.fileno())

    def _read_some(self, fd: int) -> bool:
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._pipes[fd](data)
        else:
            self._loop.remove_reader(fd)
        return bool(data)

    # -- how it ends ---------------------------------------------------------------------

    def _wait(self) -> None:
        def wait() -> None:
            self._popen.wait()
            # The loop may be closed when its process is told to go without farewell.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._on_exit)

        threading.Thread(target=wait, name=f"wait {self.pid}", daemon=True).start()

    def _on_exit(self) -> None:
        for fd in self._pipes:
            while self._read_some(fd):
                pass
            self._loop.remove_reader(fd)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
        code = self._popen.returncode
        reason = f"{self.note}, {_code_text(code)}" if self.note else _code_text(code)
        lived_s = self._loop.time() - self._started_at
        self.exited.set_result(Exit(self.pid, code, reason, self._last_words(), lived_s))

    def _last_words(self) -> str:
        tail = self._tail
        if not tail and self._command.log is not None:
            with contextlib.suppress(OSError), self._command.log.open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL_BYTES))
                tail = log.read()
        return "\n".join(tail.decode(errors="replace").splitlines()[-_TAIL_LINES:])


def _code_text(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code}, {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def write_stderr(data: bytes) -> None:
    """Pass on what a child says, as this process's own."""
    stream = sys.stderr
    with contextlib.suppress(OSError, ValueError):
        stream.write(data.decode(errors="replace"))
        stream.flush()


class KeptProcess:
    """A process that is started again whenever it dies. Lives on one event loop.

    Args:
        command: what to start.
        on_event: told one line for people about each death.
    """

    def __init__(self, command: Command, on_event: Callable[[str], None]) -> None:
        self._command = command
        self._on_event = on_event
        self._child: Child | None = None
        self._stopping = False
        self._restarts = 0
        self._last_exit = ""

    @property
    def status(self) -> ProcessStatus:
        """How it is now."""
        child = self._child
        pid = None if child is None or child.exited.done() else child.pid
        return ProcessStatus(self._command.name, pid, self._restarts, self._last_exit)

    async def run(self) -> Exit | None:
        """Keep it running.

        Returns:
            How it ended, when starting it again would not help (exit code 78); None after
            `stop` or `kill`.

        Raises:
            ConfigError: it cannot be started at all.
        """
        backoff = Backoff()
        while not self._stopping:
            self._child = Child.start(self._command)
            if self._last_exit:
                self._restarts += 1
                self._on_event(f"{self._command.name} died ({self._last_exit}), restarted")
            ended = await asyncio.shield(self._child.exited)
            self._last_exit = ended.reason
            if ended.code == CONFIG_EXIT_CODE and not self._stopping:
                return ended
            if not self._stopping:
                await asyncio.sleep(backoff.delay_s(ended.lived_s))
        return None

    async def stop(self, budget_s: float) -> Exit | None:
        """End it: SIGTERM, then SIGKILL after `budget_s` seconds.

        Returns:
            How it ended; None when it never began.
        """
        self._stopping = True
        return None if self._child is None else await self._child.stop(budget_s)

    def kill(self) -> None:
        """End it at once."""
        self._stopping = True
        if self._child is not None:
            self._child.send_signal(signal.SIGKILL)
