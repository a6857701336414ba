"""From an application to a report: the scratch Kafka, the scene, the suite, and the end of all."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from aimass_stream.errors import AimassError
from aimass_stream.runtime.signals import told
from aimass_stream.verify.application import Application
from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Report, Row, Verdict
from aimass_stream.verify.relay import Relay
from aimass_stream.verify.scene import Scene, Setting
from aimass_stream.verify.scratch import scratch_broker, scratch_folder
from aimass_stream.verify.soak import run_soak
from aimass_stream.verify.suite import Audience, run_faults

PACKAGES = ("aimass-stream", "faust-streaming", "aiokafka", "torch", "numpy")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run of `aimass verify` does.

    Attributes:
        faults: in this order.
        setting: seed, rate, environment.
        soak_minutes: draw from the faults for so long; 0 runs each once.
        keep: keep the scratch folder in any case.
        command: what to type for the same run.
    """

    faults: Sequence[type[Fault]]
    setting: Setting
    soak_minutes: float
    keep: bool
    command: str


class Verification:
    """One run. Blocks; owns a process of the application and a Kafka, and ends both.

    Args:
        app: what is verified.
        plan: how.
        audience: told of each fault.

    Attributes:
        rows: those so far; complete after `run`.
        scene: while the application runs.
        interrupted: whether Ctrl-C, SIGTERM or SIGHUP cut it short.
        error: why it ended before its end; empty where it did not.
    """

    def __init__(self, app: Application, plan: Plan, audience: Audience) -> None:
        self._app = app
        self._plan = plan
        self._audience = audience
        self._began = time.monotonic()
        self.rows: list[Row] = []
        self.scene: Scene | None = None
        self.interrupted = False
        self.error = ""

    def run(self) -> Report:
        """Run every fault.

        Raises:
            AimassError: Kafka or the application cannot be started.
        """
        say = self._plan.setting.say
        with scratch_folder(keep=self._is_worth_keeping, say=say) as folder:
            try:
                asyncio.run(self._run(folder))
            except AimassError as error:
                self.error = str(error)
                raise
        return self.report()

    def report(self) -> Report:
        """What there is to report by now."""
        failed = any(row.verdict is Verdict.FAIL for row in self.rows)
        passed = any(row.verdict is Verdict.PASS for row in self.rows)
        return Report(
            app=self._app.id,
            seed=self._plan.setting.seed,
            command=self._plan.command,
            start_s=round(self.scene.start_s, 1) if self.scene else 0.0,
            rate=round(self.scene.rate, 1) if self.scene else 0.0,
            passed=passed and not failed and not self.interrupted and not self.error,
            error=self.error,
            seconds=round(time.monotonic() - self._began, 1),
            versions=_versions(),
            machine=_machine(),
            faults=self.rows,
        )

    def _is_worth_keeping(self) -> bool:
        """Kept for whoever looks for the reason of a failure, or asked for."""
        return (
            self._plan.keep
            or bool(self.error)
            or any(row.verdict is Verdict.FAIL for row in self.rows)
        )

    async def _run(self, folder: Path) -> None:
        running = asyncio.create_task(self._run_on(folder))
        with told(lambda _: self._interrupt(running)):
            try:
                await running
            except asyncio.CancelledError:
                if not self.interrupted:
                    raise

    def _interrupt(self, running: asyncio.Task[None]) -> None:
        if not self.interrupted:
            self.interrupted = True
            running.cancel()

    async def _run_on(self, folder: Path) -> None:
        # Kafka's start and end block for seconds, and nothing else goes on meanwhile.
        async with Relay() as relay:
            with scratch_broker(folder, relay, self._plan.setting.say) as broker:
                self.scene = Scene(self._app, self._plan.setting, broker, folder)
                try:
                    await self.scene.open()
                    await self._do_faults(self.scene)
                finally:
                    await self.scene.close()

    async def _do_faults(self, scene: Scene) -> None:
        plan = self._plan
        if plan.soak_minutes:
            await run_soak(scene, plan.faults, plan.soak_minutes, self.rows, self._audience)
        else:
            await run_faults(scene, plan.faults, self.rows, self._audience)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, str]:
    memory_gb = psutil.virtual_memory().total / 1e9
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "memory": f"{memory_gb:.0f} GB",
    }
