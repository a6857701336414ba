"""The program of a device process, and one process of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aimass_stream.runtime.messages import FAILED, READY, WARM
from aimass_stream.runtime.processes import Child, Command

_ENV = {
    # Models come from the registry; nothing is fetched while records wait.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    # oneDNN keeps code for each shape that it has met, by itself for 1,024: too much memory.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProgram:
    """What is started as the process of one device, again and again.

    Attributes:
        folder: its working directory.
        project: first on its path.
        socket_path: where it listens.
        device: `cpu`, `cuda:0`, or `learners`.
        models_package: whose declarations say what to import at start; empty for none.
        threads: cores one call of `predict` may use; all when not given.
        decode_threads: rows decoded at a time; up to four when not given.
        on_stderr: takes what it writes to stderr.
    """

    folder: Path
    project: Path
    socket_path: Path
    device: str
    models_package: str
    threads: int | None
    decode_threads: int | None
    on_stderr: Callable[[bytes], None]

    def spawn(self, *flags: str) -> DeviceChild:
        """Start a process.

        Args:
            flags: further arguments, as for a spare.

        Raises:
            ConfigError: the folder does not exist.
        """
        argv = [sys.executable, "-m", "aimass_stream.runtime.device"]
        argv += ["--socket", str(self.socket_path), "--device", self.device]
        argv += ["--project", str(self.project)]
        if self.models_package:
            argv += ["--models", self.models_package]
        for flag in ("threads", "decode_threads"):
            value: int | None = getattr(self, flag)
            if value is not None:
                argv += [f"--{flag.replace('_', '-')}", str(value)]
        argv += flags
        threads = self.threads
        env = _ENV if threads is None else {**_ENV, "OMP_NUM_THREADS": str(threads)}
        command = Command(name=f"device {self.device}", argv=argv, folder=self.folder, env=env)
        return DeviceChild(command, self.on_stderr)


class DeviceChild:
    """A device process and how far it has come.

    Attributes:
        child: the process.
        ready: whether it accepts connections; done when that is known.
        is_warm: its imports are done.
        gives_way: they yield to everything else.
        failure: why they failed, as a sentence; empty while nothing is known of that.
    """

    def __init__(self, command: Command, on_stderr: Callable[[bytes], None]) -> None:
        self.is_warm = False
        self.gives_way = False
        self.failure = ""
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.child = Child.start(command, self._on_stdout, on_stderr)
        self.child.exited.add_done_callback(lambda exited: self._settle(ready=False))

    def kill(self, why: str) -> None:
        """Kill it at once, and say so in its death."""
        self.child.note = why
        self.child.send_signal(signal.SIGKILL)

    def _on_stdout(self, data: bytes) -> None:
        lines = data.split(b"\n")
        self.is_warm = self.is_warm or WARM in lines
        for line in lines:
            if line.startswith(FAILED):
                self.failure = line.removeprefix(FAILED).decode(errors="replace")
        if READY in lines:
            self._settle(ready=True)

    def _settle(self, *, ready: bool) -> None:
        if not self.ready.done():
            self.ready.set_result(ready)
