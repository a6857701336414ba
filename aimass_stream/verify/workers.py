"""`aimass worker` as a process of ours, and the processes it is made of."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import orjson
import psutil

from aimass_stream.runtime.parent import SUPERVISED
from aimass_stream.runtime.processes import Child, Command, Exit
from aimass_stream.verify.application import Application
from aimass_stream.verify.errors import VerifyError
from aimass_stream.verify.roles import Role

STOP_BUDGET_S = 30.0
GONE_S = 30.0
IDLE_LOOK_S = 0.5
IDLE_SHARE = 0.25
"""Of one core; what an application spends that only waits."""
POLL_S = 0.02
PAGE_BYTES = 500
"""Shown of a page that is not what it should be."""

_WORKER = "aimass_stream.cli.worker_process"
_MODELS = "aimass_stream.runtime.device"
_LEARNERS = "learners"
_PORT = "AIMASS_WEB_PORT"
_LAG = "aimass_lag_records{"


class Workers:
    """An application's `aimass worker`, started, stopped and taken apart by role.

    Args:
        app: what to run.
        env: variables that every start gets.
        log: takes what all its processes say.
    """

    def __init__(self, app: Application, env: Mapping[str, str], log: Path) -> None:
        self._app = app
        self._env = dict(env)
        self._child: Child | None = None
        self.log = log
        self.count = 0

    @property
    def child(self) -> Child:
        """The supervisor.

        Raises:
            VerifyError: it was not started.
        """
        if self._child is None:
            raise VerifyError("the application does not run")
        return self._child

    @property
    def running(self) -> bool:
        """Whether the supervisor lives."""
        return self._child is not None and not self._child.exited.done()

    def start(self, count: int = 1, env: Mapping[str, str] | None = None) -> None:
        """Start it; it is not ready yet when this returns.

        Args:
            count: worker processes.
            env: further variables, for this start only.

        Raises:
            ConfigError: it cannot be started at all.
        """
        argv = [sys.executable, "-m", "aimass_stream.cli.main", "worker"]
        argv += ["--app", self._app.package, "--workers", str(count)]
        command = Command(
            name="aimass worker",
            argv=argv,
            folder=self._app.folder,
            env={**self._env, **(env or {}), SUPERVISED: "1"},
            log=self.log,
        )
        self._child, self.count = Child.start(command, on_stdout=lambda _: None), count

    async def stop(self, budget_s: float = STOP_BUDGET_S) -> Exit | None:
        """Drain it, and kill it when it takes longer; None when it did not run."""
        if self._child is None:
            return None
        return await self._child.stop(budget_s)

    def log_lines(self) -> int:
        """How many lines its processes have logged by now."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def check(self) -> None:
        """See that it still runs.

        Raises:
            VerifyError: it ended by itself; the text has its last words.
        """
        if not self.running:
            ended = self.child.exited.result()
            raise VerifyError(f"aimass worker ended ({ended.reason}):\n{ended.last_words}")

    # -- its processes -------------------------------------------------------------------

    def find(self, role: Role) -> list[int]:
        """Its living processes of a role; a warm spare counts for none."""
        found = []
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.child.pid).children(recursive=True):
                with suppress(psutil.Error):
                    if process.status() != psutil.STATUS_ZOMBIE and _plays(process, role):
                        found.append(int(process.pid))
        return sorted(found)

    @staticmethod
    def signal(pid: int, number: signal.Signals) -> None:
        """Send a signal to one of them."""
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    async def kill(self, pid: int) -> None:
        """Kill -9 one of them, and wait until it is gone."""
        self.signal(pid, signal.SIGKILL)
        await asyncio.to_thread(wait_gone, pid)

    async def kill_all(self) -> None:
        """Kill -9 the supervisor and every process it has, and wait until they are gone."""
        family = psutil.Process(self.child.pid).children(recursive=True)
        self.signal(self.child.pid, signal.SIGKILL)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await self.child.exited
        for process in family:
            await asyncio.to_thread(wait_gone, process.pid)

    async def until_idle(self, within_s: float) -> None:
        """Wait until its processes have nothing to do, such as a spare that still imports."""
        deadline = time.monotonic() + within_s
        before = self._cpu_s()
        while time.monotonic() < deadline:
            await asyncio.sleep(IDLE_LOOK_S)
            now = self._cpu_s()
            if now - before < IDLE_SHARE * IDLE_LOOK_S:
                return
            before = now

    def _cpu_s(self) -> float:
        spent_s = 0.0
        for process in psutil.Process(self.child.pid).children(recursive=True):
            with suppress(psutil.Error):
                times = process.cpu_times()
                spent_s += times.user + times.system
        return spent_s

    async def unready(self) -> list[str]:
        """Why it is not ready, a line for each worker; empty where all are."""
        pids = self.find(Role.WORKER)
        told = [await asyncio.to_thread(_ask_ready, pid) for pid in pids]
        missing = self.count - len(pids)
        return [text for text in told if text] + ["a worker is down"] * max(0, missing)

    async def lag(self) -> int | None:
        """Records without an outcome, as the workers' own metrics have it; None if they do not."""
        pages = [await asyncio.to_thread(_read_metrics, pid) for pid in self.find(Role.WORKER)]
        lines = [line for page in pages for line in page.splitlines() if line.startswith(_LAG)]
        return int(sum(float(line.rpartition(" ")[2]) for line in lines)) if lines else None


def _plays(process: psutil.Process, role: Role) -> bool:
    argv = process.cmdline()
    if role is Role.WORKER:
        return _WORKER in argv
    if _MODELS not in argv or (_LEARNERS in argv) is not (role is Role.LEARNER):
        return False
    # A spare that took over still has its old arguments; the one at work is the one that listens.
    socket = argv[argv.index("--socket") + 1]
    return any(place.laddr == socket for place in process.net_connections("unix"))


def wait_gone(pid: int) -> None:
    """Wait until a process is gone or waits to be reaped; blocks.

    Raises:
        VerifyError: it is not after 30 s.
    """
    deadline = time.monotonic() + GONE_S
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                raise VerifyError(f"process {pid} does not end within {GONE_S:.0f} s")
            time.sleep(POLL_S)


def _port(pid: int) -> str:
    return str(psutil.Process(pid).environ().get(_PORT, ""))


def _read_metrics(pid: int) -> str:
    with (
        suppress(psutil.Error, OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{_port(pid)}/metrics", timeout=2) as page,
    ):
        return str(page.read(), "utf-8")
    return ""


def _reasons(page: bytes) -> str:
    """Those that `/readyz` gives; the page itself where it is another one."""
    try:
        return ", ".join(orjson.loads(page)["reasons"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return page[:PAGE_BYTES].decode(errors="replace")


def _ask_ready(pid: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{_port(pid)}/readyz", timeout=2):
            return ""
    except urllib.error.HTTPError as error:
        with error:
            return _reasons(error.read())
    except (psutil.Error, OSError) as error:
        return f"worker {pid} does not answer: {error}"
