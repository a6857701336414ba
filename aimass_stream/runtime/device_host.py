"""Owns the device process of one device and its warm spare.

Whatever ends the active process, the spare (`device_spare.py`) takes over at once, and a new one
is started behind it. Links find the successor at the same socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aimass_stream.errors import ConfigError, DeviceError
from aimass_stream.runtime.death_notes import note_deaths, said_last
from aimass_stream.runtime.device_child import DeviceChild, DeviceProgram
from aimass_stream.runtime.device_spare import DeviceSpare
from aimass_stream.runtime.messages import HUNG_EXIT_CODE, LOST_EXIT_CODE, TAKE_OVER
from aimass_stream.runtime.processes import Backoff, Exit, ProcessStatus, write_stderr
from aimass_stream.runtime.socket_folder import SocketFolder, wait_called

log = logging.getLogger("aimass.device_host")

MAX_FAILED_STARTS = 5

_RSS_POLL_S = 0.25
_KEPT_DEATHS = 100
_OWN_EXITS = {HUNG_EXIT_CODE: "a model hung", LOST_EXIT_CODE: "its device was lost"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """How device processes are run.

    Attributes:
        threads: cores one call of `predict` may use; all when not given.
        decode_threads: rows decoded at a time; up to four when not given.
        rss_limit_bytes: memory beyond which the process is killed; none when not given.
        spare: whether to keep a second process warm.
        project: the folder that is first on their path; their working directory when not given.
        on_demand: whether the first process is started only when a link connects.
        start_timeout_s: seconds the imports may take.
        on_stderr: takes what the processes write to stderr.
        on_event: told one line for people about each death.
    """

    threads: int | None = None
    decode_threads: int | None = None
    rss_limit_bytes: int | None = None
    spare: bool = True
    project: Path | None = None
    on_demand: bool = False
    start_timeout_s: float = 300.0
    on_stderr: Callable[[bytes], None] = write_stderr
    on_event: Callable[[str], None] = field(default=lambda line: None)


_DEFAULT_OPTIONS = HostOptions()


class DeviceHost:
    """Keeps one device process at work. Lives on one event loop.

    Its processes end with the thread that started them. Whoever starts a host also waits in
    `watch`, to learn when the device is given up.

    Args:
        folder: the processes' working directory, and first on their path unless `options` say
            where the project lies.
        device: `cpu`, `cuda:0`.
        models_package: whose declarations say what to import at start; it need not exist.
        options: sizes, times, and where news go.
    """

    def __init__(
        self,
        folder: Path,
        device: str = "cpu",
        models_package: str = "models",
        options: HostOptions = _DEFAULT_OPTIONS,
    ) -> None:
        self._folder = folder
        self._device = device
        self._models_package = models_package
        self._options = options
        self._socket_folder: SocketFolder | None = None
        self._active: DeviceChild | None = None
        self._spare: DeviceSpare | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.restarts = 0
        self.deaths: deque[Exit] = deque(maxlen=_KEPT_DEATHS)

    @property
    def socket_path(self) -> Path:
        """Where links connect; known from `launch` on.

        Raises:
            DeviceError: there was no `launch`.
        """
        if self._socket_folder is None:
            raise DeviceError("the device host was not started")
        return self._socket_folder.path / "device.sock"

    @property
    def pid(self) -> int | None:
        """The active process; None while there is none."""
        active = self._active
        return None if active is None or active.child.exited.done() else active.child.pid

    @property
    def spare_pid(self) -> int | None:
        """The spare, once its imports are done; None until then."""
        spare = None if self._spare is None else self._spare.child
        return spare.child.pid if spare is not None and spare.is_warm else None

    @property
    def status(self) -> ProcessStatus:
        """How the active process is now."""
        last_exit = self.deaths[-1].reason if self.deaths else ""
        return ProcessStatus(f"device {self._device}", self.pid, self.restarts, last_exit)

    def launch(self) -> None:
        """Begin to start the process; `wait_ready` says when it is."""
        if self._task is None:
            self._socket_folder = SocketFolder.make()
            program = self._program()
            if self._options.spare:
                self._spare = DeviceSpare(program, self._options.on_event)
                self._spare.is_urgent = self.restarts > 0
            self._task = asyncio.create_task(self._keep(program))

    async def wait_ready(self) -> None:
        """Wait until a process accepts connections.

        Raises:
            DeviceError: processes die while they start; the text has their last words.
            ConfigError: the project's declarations are wrong; the text says which, and where.
        """
        ready = asyncio.create_task(self._ready.wait())
        failed = asyncio.create_task(self.watch())
        try:
            await asyncio.wait([ready, failed], return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
        finally:
            ready.cancel()
            failed.cancel()

    async def start(self) -> None:
        """Start the process and wait until it accepts connections.

        Raises:
            DeviceError: it dies while it starts; nothing is left running.
            ConfigError: the folder does not exist, or the project's declarations are wrong.
        """
        self.launch()
        try:
            await self.wait_ready()
        except BaseException:
            await self.stop(budget_s=0)
            raise

    async def watch(self) -> None:
        """Wait until the device cannot be kept alive.

        Raises:
            DeviceError: it cannot; the text has the last words of the last process.
            ConfigError: the project's declarations are wrong; the text says which, and where.
        """
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self, budget_s: float = 10.0) -> None:
        """Let the process answer what it has received, then end it; kill it after the budget."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._spare is not None:
            await self._spare.stop()
        if self._active is not None:
            await self._active.child.stop(budget_s)
        if self._socket_folder is not None:
            self._socket_folder.remove()
        self._socket_folder = None
        self._task = self._active = self._spare = None
        self._ready.clear()

    def _program(self) -> DeviceProgram:
        return DeviceProgram(
            folder=self._folder,
            project=self._options.project or self._folder,
            socket_path=self.socket_path,
            device=self._device,
            models_package=self._models_package,
            threads=self._options.threads,
            decode_threads=self._options.decode_threads,
            on_stderr=self._options.on_stderr,
        )

    async def _keep(self, program: DeviceProgram) -> None:
        with contextlib.ExitStack() as callers:
            if self._options.on_demand:
                callers.enter_context(await wait_called(self.socket_path))
            await self._keep_running(program, callers.close)

    async def _keep_running(
        self, program: DeviceProgram, let_callers_in: Callable[[], None]
    ) -> None:
        backoff, failed_starts, was_ready, spare = Backoff(), 0, False, self._spare
        while True:
            active = self._active = (spare.take() if spare else None) or program.spawn()
            if await self._wait_started(active):
                failed_starts, was_ready = 0, True
                let_callers_in()
                self._ready.set()
                log.info("device %s is ready (pid %d)", self._device, active.child.pid)
                if spare is not None:
                    spare.start()
                death = await self._watch_active(active)
                self._ready.clear()
            else:
                death = await active.child.exited
                failed_starts += 1
            # What ended by itself before it was ever ready would do so again.
            ended_itself = not was_ready and death.code >= 0
            is_lost = failed_starts and (ended_itself or failed_starts >= MAX_FAILED_STARTS)
            if is_lost and active.failure and death.code == ConfigError.exit_code:
                raise ConfigError(active.failure)
            self._record(death, "" if is_lost else active.failure)
            if is_lost:
                raise _cannot_start(self._device, death, active.failure)
            if failed_starts:
                await asyncio.sleep(backoff.delay_s(lived_s=0))
            self.restarts += 1
            if spare is not None:
                spare.is_urgent = True

    async def _wait_started(self, active: DeviceChild) -> bool:
        active.child.send_line(TAKE_OVER)
        await asyncio.wait([active.ready], timeout=self._options.start_timeout_s)
        if not active.ready.done():
            active.kill("it did not start in time")
            await active.child.exited
        return active.ready.result()

    async def _watch_active(self, active: DeviceChild) -> Exit:
        limit = self._options.rss_limit_bytes
        if limit is None:
            return await asyncio.shield(active.child.exited)
        import psutil

        while not active.child.exited.done():
            await asyncio.wait([active.child.exited], timeout=_RSS_POLL_S)
            with contextlib.suppress(psutil.Error):
                if psutil.Process(active.child.pid).memory_info().rss > limit:
                    active.kill(f"memory grew beyond {limit / 2**20:.0f} MiB")
                    break
        return await asyncio.shield(active.child.exited)

    def _record(self, death: Exit, failure: str) -> None:
        if death.code in _OWN_EXITS:
            reason = f"{_OWN_EXITS[death.code]}, {death.reason}"
            death = Exit(death.pid, death.code, reason, death.last_words, death.lived_s)
        self.deaths.append(death)
        note_deaths(self.socket_path, self.deaths)
        why = f": {failure}" if failure else ""
        self._options.on_event(f"device {self._device} died ({death.reason}){why}")


def _cannot_start(device: str, death: Exit, failure: str) -> DeviceError:
    # The sentence stands for the trace that it has written by then.
    why = f": {failure}" if failure else said_last(death.last_words)
    return DeviceError(f"the process of device {device} dies while it starts ({death.reason}){why}")
