"""A supervisor and its workers, as processes: deaths, drains and signals."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.runtime.parent import ORPHANED_EXIT_CODE
from aimass_stream.runtime.processes import Backoff, Child, Command, KeptProcess
from tests.runtime.helpers import ROOT, is_alive, kill, until


class Supervised:
    """A running supervisor and what it and its workers say."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().strip())

    def said(self, pattern: str) -> list[str]:
        return [match[1] for line in self.lines if (match := re.match(pattern, line))]

    def workers(self) -> list[int]:
        return [int(pid) for pid in self.said(r"worker (\d+) True")]

    async def wait_said(self, pattern: str, count: int = 1) -> list[str]:
        await until(lambda: len(self.said(pattern)) >= count, f"{pattern} in {self.lines}")
        return self.said(pattern)

    async def exit_code(self, timeout_s: float = 10.0) -> int:
        code = await asyncio.wait_for(self.process.wait(), timeout_s)
        await asyncio.wait_for(self.reading, timeout_s)
        return code


Supervise = Callable[..., Awaitable[Supervised]]


@pytest.fixture
async def supervise() -> AsyncIterator[Supervise]:
    started: list[Supervised] = []

    async def start(
        mode: str, workers: int = 1, drain_s: float = 5, models: str = "-"
    ) -> Supervised:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.runtime.programs", "supervise"),
            *(mode, str(workers), str(drain_s), models),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        started.append(Supervised(process))
        return started[-1]

    yield start
    for one in started:
        if one.process.returncode is None:
            one.process.kill()
        await one.exit_code()


async def test_a_drain_waits_for_workers_and_leaves_nothing(supervise: Supervise) -> None:
    running = await supervise("slow", workers=2)
    await running.wait_said(r"worker (\d+) True", 2)
    running.process.send_signal(signal.SIGTERM)
    assert await running.exit_code() == 0
    assert len(running.said(r"drained (\d+)")) == 2
    assert running.said(r"left (.*)") == ["[]"]


async def test_a_worker_beyond_its_drain_budget_is_killed(supervise: Supervise) -> None:
    running = await supervise("stubborn", drain_s=0.5)
    (pid,) = map(int, await running.wait_said(r"worker (\d+) True"))
    started = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    assert await running.exit_code() == 130, "what it held was not drained"
    assert 0.5 <= time.monotonic() - started < 2.5
    assert not is_alive(pid)


@pytest.mark.parametrize(("second", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_second_signal_ends_everything_at_once(
    supervise: Supervise, second: signal.Signals, code: int
) -> None:
    running = await supervise("stubborn", workers=2, drain_s=60, models="no-such-package")
    pids = [int(pid) for pid in await running.wait_said(r"worker (\d+) True", 2)]
    running.process.send_signal(signal.SIGTERM)
    await running.wait_said(r"(told to end)", 2)
    assert all(map(is_alive, pids))
    started = time.monotonic()
    running.process.send_signal(second)
    assert await running.exit_code() == code
    assert time.monotonic() - started < 2
    assert not any(map(is_alive, pids))
    assert running.said(r"event (ending at once; what is not committed will be read again)")


async def test_a_killed_worker_is_started_again(supervise: Supervise) -> None:
    running = await supervise("obedient", workers=2)
    await running.wait_said(r"worker (\d+) True", 2)
    victim = running.workers()[0]
    kill(victim)
    await running.wait_said(r"worker (\d+) True", 3)
    (event,) = await running.wait_said(r"event (worker \d died .*)")
    assert re.fullmatch(r"worker \d died \(signal 9, SIGKILL\), restarted", event)
    running.process.send_signal(signal.SIGTERM)
    assert await running.exit_code() == 0
    assert not any(map(is_alive, running.workers()))


async def test_a_wrong_configuration_stops_everything(supervise: Supervise) -> None:
    running = await supervise("misconfigured", models="no-such-package")
    assert await running.exit_code() == 78
    assert running.said(r"reason (.*)") == ["worker 1 cannot work (exit code 78)"]
    assert running.said(r"event (.*)") == ["worker 1 cannot work (exit code 78)"]
    assert running.said(r"left (.*)") == ["[]"]


async def test_workers_find_the_device(supervise: Supervise) -> None:
    running = await supervise("client", workers=2, models="no-such-package")
    await running.wait_said(r"answered 1 (\d+)", 2)
    assert len(set(running.said(r"answered 1 (\d+)"))) == 1
    running.process.send_signal(signal.SIGKILL)
    pids = [int(pid) for pid in running.said(r"answered 1 (\d+)")]
    await until(lambda: not any(map(is_alive, pids)), "the device process is gone")


async def test_a_device_that_cannot_start_stops_everything(supervise: Supervise) -> None:
    running = await supervise("obedient", models="tests.runtime.broken_project")
    assert await running.exit_code() == 75
    (reason,) = running.said(r"reason (.*)")
    assert "told to break" in reason
    assert not any(map(is_alive, running.workers()))


async def test_wrong_declarations_stop_everything_and_are_said_once_and_last(
    supervise: Supervise,
) -> None:
    running = await supervise("obedient", models="tests.runtime.wrong_project")
    assert await running.exit_code() == 78
    sentence = "TypeError: told to be wrong (tests/runtime/wrong_project/__init__.py:3)"
    assert running.said(r"event (.*)") == [sentence]
    assert running.said(r"reason (.*)") == [sentence]
    assert not any(map(is_alive, running.workers()))


@pytest.mark.parametrize("mode", ["obedient", "stubborn"])
async def test_workers_do_not_outlive_a_killed_supervisor(supervise: Supervise, mode: str) -> None:
    running = await supervise(mode, workers=2)
    await running.wait_said(r"worker (\d+) True", 2)
    kill(running.process.pid)
    await until(lambda: not any(map(is_alive, running.workers())), "workers are gone", 3)


async def test_a_process_without_a_supervisor_is_left_alone() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.runtime.worker", "obedient"),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).endswith(b"False\n")
    process.terminate()
    await process.communicate()
    assert process.returncode == 0


def python(code: str, log: Path | None = None) -> Command:
    return Command(name="worker 1", argv=[sys.executable, "-c", code], log=log)


async def test_a_log_file_takes_stderr_and_its_last_lines_are_told(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    kept = KeptProcess(
        python("import sys; print('what is wrong', file=sys.stderr); sys.exit(78)", log), print
    )
    ended = await kept.run()
    assert ended is not None
    assert (ended.code, ended.last_words) == (78, "what is wrong")
    assert log.read_text() == "what is wrong\n"
    assert kept.status.pid is None
    assert kept.status.last_exit == "exit code 78"


async def test_a_worker_that_dies_at_once_is_started_ever_later() -> None:
    events: list[str] = []
    kept = KeptProcess(python("raise SystemExit(3)"), events.append)
    started = time.monotonic()
    run = asyncio.create_task(kept.run())
    await until(lambda: kept.status.restarts == 3, "three restarts")
    assert time.monotonic() - started >= 0.2 + 0.4 + 0.8
    assert events == ["worker 1 died (exit code 3), restarted"] * 3
    await kept.stop(1)
    assert await run is None


def test_a_long_life_makes_the_next_restart_quick() -> None:
    backoff = Backoff(first_s=0.2, max_s=1.0, reset_after_s=30)
    assert [backoff.delay_s(0) for _ in range(4)] == [0.2, 0.4, 0.8, 1.0]
    assert backoff.delay_s(31) == 0.2


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (Command(name="worker 1", argv=["no-such-program"]), "no-such-program"),
        (Command(name="worker 1", argv=["true"], folder=Path("/no/folder")), "/no/folder"),
        (Command(name="worker 1", argv=["true"], log=Path("/no/log")), "/no/log"),
    ],
    ids=["program", "folder", "log"],
)
async def test_what_cannot_be_started_is_a_wrong_configuration(command: Command, says: str) -> None:
    with pytest.raises(ConfigError, match=f"worker 1 cannot be started: .*{says}"):
        Child.start(command)


async def test_an_orphan_ends_itself() -> None:
    code = (
        "import signal, time\n"
        "from aimass_stream.runtime.parent import watch_parent\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "assert watch_parent(budget_s=0.1)\n"
        "print('up', flush=True)\n"
        "time.sleep(1000)\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        cwd=ROOT,
        env={**os.environ, "AIMASS_SUPERVISED": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    process.stdin.close()
    await process.communicate()
    assert process.returncode == ORPHANED_EXIT_CODE
