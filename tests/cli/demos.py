"""A demo that runs as a process, what it is made of, and how far it has come."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import psutil

from aimass_stream.kafka.embedded import find_broker
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.survey import survey
from tests.cli.commands import ARGV
from tests.runtime.helpers import is_alive

ROOT = Path(__file__).parents[2]
WORKER = "aimass_stream.cli.worker_process"
DEVICE = "aimass_stream.runtime.device"
ANSWERS = "predictions.images"
DEADLINE_S = 120.0
POLL_S = 0.1


class RunningDemo:
    """`aimass demo` in a process group of its own, as a terminal gives it one."""

    def __init__(self, env: Mapping[str, str], folder: Path, seconds: float) -> None:
        self.env = env
        self.state = Path(env["AIMASS_STATE"])
        self._report = folder / "report.json"
        self._output = folder / "demo.log"
        arguments = ["demo", "--seconds", str(seconds), "--report", str(self._report)]
        self.started_at = time.monotonic()
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*ARGV, *arguments],
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    # -- what it is made of --------------------------------------------------------------

    def find(self, program: str) -> int | None:
        """The process below the demo that runs this module; a device's spare does not count."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                argv = process.cmdline()
                if program in argv and "--spare" not in argv:
                    return int(process.pid)
        return None

    async def kill(self, pid: int | None) -> None:
        """Kill -9 one of its processes, and wait until it is gone."""
        assert pid is not None, self.output()
        os.kill(pid, signal.SIGKILL)
        await self.until(lambda: not is_alive(pid), f"{pid} is gone")

    def processes(self) -> list[int]:
        """The demo and its workers, found by the state folder they work on."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("AIMASS_STATE") == str(self.state):
                    found.append(process.pid)
        return found

    # -- how far it has come -------------------------------------------------------------

    async def until(self, reached: Callable[[], Any], what: str) -> None:
        """Wait until something holds, while the demo runs."""
        deadline = time.monotonic() + DEADLINE_S
        while not reached():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, f"not: {what}\n{self.output()}"
            await asyncio.sleep(POLL_S)

    async def until_answered(self, count: int) -> None:
        """Wait until so many more answers are on their topic than now."""
        url = await self._broker()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self._read_answers(url, count)
        except TimeoutError:
            raise AssertionError(f"not {count} answers more\n{self.output()}") from None

    async def _read_answers(self, url: str, count: int) -> None:
        # Reading a topic that is not there would create it, with other partitions than it needs.
        while ANSWERS not in (await survey(bootstrap_servers(url))).topics:
            assert self.process.poll() is None, self.output()
            await asyncio.sleep(POLL_S)
        async with TopicReader(url, [ANSWERS]) as reader:
            start = sum((await reader.end_offsets()).values())
            while sum((await reader.end_offsets()).values()) < start + count:
                assert self.process.poll() is None, self.output()
                await asyncio.sleep(POLL_S)

    async def _broker(self) -> str:
        """The broker in use; the embedded one once it answers."""
        if "AIMASS_BROKER" in self.env:
            return self.env["AIMASS_BROKER"]
        await self.until(lambda: find_broker(self.state), "the embedded broker answers")
        found = find_broker(self.state)
        assert found is not None
        return found.url

    # -- its end -------------------------------------------------------------------------

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    async def finish(self) -> dict[str, Any]:
        """Wait for the end, which must be a good one; the report."""
        code = await asyncio.to_thread(self.process.wait, DEADLINE_S)
        assert code == 0, self.output()
        report: dict[str, Any] = orjson.loads(self._report.read_bytes())
        return report

    def output(self) -> str:
        """What it and its workers said, for a failure's message."""
        log = self.state / "logs" / "demo.log"
        worker = log.read_text(errors="replace") if log.exists() else ""
        return f"{self._output.read_text(errors='replace')}\n{worker}"


@asynccontextmanager
async def running_demo(
    env: Mapping[str, str], folder: Path, seconds: float
) -> AsyncIterator[RunningDemo]:
    """A demo; what is left of it when the block is left is killed."""
    demo = RunningDemo(env, folder, seconds)
    try:
        yield demo
    finally:
        demo.process.kill()
        demo.process.wait()
        for pid in demo.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
