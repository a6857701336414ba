"""What `aimass worker` is: the owner of workers and of model processes. No Faust, no torch.

Workers drain first, since their batches need a device or a learner; those end after them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aimass_stream.errors import AimassError, ConfigError
from aimass_stream.runtime.device_host import DeviceHost
from aimass_stream.runtime.parent import SUPERVISED
from aimass_stream.runtime.processes import (
    CONFIG_EXIT_CODE,
    Command,
    KeptProcess,
    ProcessStatus,
)
from aimass_stream.runtime.signals import told

log = logging.getLogger("aimass.supervisor")

DEVICE_SOCKET = "AIMASS_DEVICE_SOCKET"
"""Where a worker finds its device process."""

LEARNER_SOCKET = "AIMASS_LEARNER_SOCKET"
"""Where a worker finds its learner process."""

SLOT = "AIMASS_SLOT"
"""Which of its supervisor's workers a process is; the same after a restart."""

DEFAULT_DRAIN_S = 15.0

_HOST_BUDGET_S = 5.0
_FORCE_BUDGET_S = 1.5


class Supervisor:
    """Runs workers and their hosts until told to stop. Lives on the main thread's event loop.

    The first SIGTERM, SIGINT or SIGHUP drains: workers are sent SIGTERM and have `drain_s` seconds.
    The second ends everything at once.

    Args:
        commands: the workers, and whatever else is to be kept running.
        hosts: the model processes, by the environment variable that tells workers their socket.
        drain_s: seconds a worker has between SIGTERM and SIGKILL.
        on_event: told one line for people about each death.
    """

    def __init__(
        self,
        commands: Sequence[Command],
        hosts: Mapping[str, DeviceHost] | None = None,
        *,
        drain_s: float = DEFAULT_DRAIN_S,
        on_event: Callable[[str], None] = log.warning,
    ) -> None:
        self._commands = commands
        self._hosts = dict(hosts or {})
        self._drain_s = drain_s
        self._on_event = on_event
        self._workers: list[KeptProcess] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._stop = asyncio.Event()
        self._forced = asyncio.Event()
        self._last_signal = signal.SIGTERM
        self.reason = ""

    @property
    def status(self) -> list[ProcessStatus]:
        """How every process is now, the workers first."""
        workers = [worker.status for worker in self._workers]
        return workers + [host.status for host in self._hosts.values()]

    def stop(self) -> None:
        """Begin to drain, as the first SIGTERM does."""
        self._stop.set()

    async def run(self) -> int:
        """Run until stopped by a signal, or until going on is of no use.

        Returns:
            The exit code: 0 after a drain, 130 or 143 when a second signal cut it short, a
            worker's own when it could not drain, 78 when a worker says that it cannot work, 75
            when a model process cannot be kept alive.
            `reason` has the text for all but the first.
        """
        with told(self._on_signal):
            code, drained = 0, 0
            try:
                code = await self._run_until_stopped()
            finally:
                drained = await self._drain()
            if self.reason:
                # Last, so that nobody has to look for it above what others said of their end.
                self._on_event(self.reason)
            return code or drained

    def _on_signal(self, number: signal.Signals) -> None:
        self._last_signal = number
        (self._forced if self._stop.is_set() else self._stop).set()

    async def _run_until_stopped(self) -> int:
        env = {SUPERVISED: "1"}
        for variable, host in self._hosts.items():
            host.launch()
            env[variable] = str(host.socket_path)
        self._workers = [
            KeptProcess(replace(command, env={**command.env, **env}), self._on_event)
            for command in self._commands
        ]
        stopping = asyncio.create_task(self._stop.wait())
        kept = [asyncio.create_task(self._keep(worker)) for worker in self._workers]
        kept += [asyncio.create_task(host.watch()) for host in self._hosts.values()]
        self._tasks = [stopping, *kept]
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        for task in kept:
            error = task.exception() if task.done() else None
            if isinstance(error, AimassError):
                self.reason = str(error)
                return error.exit_code
            if error is not None:
                raise error
        return 0

    async def _keep(self, worker: KeptProcess) -> None:
        ended = await worker.run()
        if ended is not None:
            said = f"; it last said:\n{ended.last_words}" if ended.last_words else ""
            raise ConfigError(f"{worker.status.name} cannot work ({ended.reason}){said}")

    # -- the end -------------------------------------------------------------------------

    async def _drain(self) -> int:
        """End everything in order; the exit code, which is 0 only if all could be done."""
        draining = asyncio.create_task(self._end_in_order())
        forced = asyncio.create_task(self._forced.wait())
        await asyncio.wait([draining, forced], return_when=asyncio.FIRST_COMPLETED)
        in_order = draining.done()
        if not in_order:
            draining.cancel()
            self._on_event("ending at once; what is not committed will be read again")
            await self._end_at_once()
        tasks = [*self._tasks, draining, forced]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return draining.result() if in_order else 128 + self._last_signal

    async def _end_in_order(self) -> int:
        ends = await asyncio.gather(*(worker.stop(self._drain_s) for worker in self._workers))
        await asyncio.gather(*(host.stop(_HOST_BUDGET_S) for host in self._hosts.values()))
        for worker, end in zip(self._workers, ends, strict=True):
            # Who ended of the signal itself had not come as far as to hold anything.
            if end is None or end.code in (0, -signal.SIGTERM):
                continue
            # Who cannot work has said why, and nothing of that is about the drain.
            if not (self.reason and end.code == CONFIG_EXIT_CODE):
                self._on_event(f"{worker.status.name} could not drain ({end.reason})")
            return end.code if end.code > 0 else 128 + self._last_signal
        if all(end is not None and end.code == 0 for end in ends):
            log.info("everything that was in hand is finished and committed")
        return 0

    async def _end_at_once(self) -> None:
        for worker in self._workers:
            worker.kill()
        ends = [worker.stop(0) for worker in self._workers]
        ends += [host.stop(budget_s=0) for host in self._hosts.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FORCE_BUDGET_S):
                await asyncio.gather(*ends)
