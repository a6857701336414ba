"""A worker process, a producer and the oracle, put together for one test."""

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import randrange

from aimass_stream.cli.worker import free_ports
from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.groups import read_committed
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.verify.oracle import Account, Oracle, Watched
from tests.delivery import allowance
from tests.projects import leave_models_out

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
FLOW_S = 0.02
"""Seconds between two handfuls of records."""

SUPERVISED = {"AIMASS_SLOT": "1"}
"""A worker takes the place of the one before it at once, as under a supervisor.

Without it the place of one that was killed is kept until its session times out, seconds in which
nobody reads its partitions. Tests in which somebody else takes them over do without.
"""
SHORT_SESSION = {"TEST_SESSION_S": "6"}
"""The shortest time after which a broker lets a group evict a member, unless told otherwise."""


class Harness:
    """Starts and stops workers of an app and follows what they do."""

    def __init__(
        self, app: str, name: str, env: dict[str, str], folder: Path, oracle: Oracle
    ) -> None:
        self.app = app
        self.name = name
        self.env = env
        self.folder = folder
        self.oracle = oracle
        self.cwd: Path | None = None
        self.ports: list[int] = []
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def account(self) -> Account:
        """What is known of the first agent's records."""
        return next(iter(self.oracle.accounts.values()))

    def start_worker(self) -> subprocess.Popen[bytes]:
        number = len(self.workers)
        # Anywhere, since other runs on this machine look for ports too.
        port = free_ports(randrange(20_000, 32_000), 1)[0]
        self.ports.append(port)
        with (self.folder / f"worker-{number}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "aimass_stream.cli.worker_process", self.app],
                env={**self.env, "TEST_APP": self.name, "AIMASS_WEB_PORT": str(port)},
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    def give_models_of_its_own(self) -> None:
        """Start workers where `models` is empty, so that model processes have little to import."""
        leave_models_out(self.folder)
        self.cwd = self.folder
        self.env = {**self.env, "PYTHONPATH": str(ROOT)}

    def allow(self, rows: int) -> None:
        """Let each worker answer so many records in all; before the first of them starts."""
        file = self.folder / "allowed"
        # Renamed, since a worker may read it at any time.
        draft = file.with_suffix(".draft")
        draft.write_text(str(rows))
        draft.replace(file)
        self.env = {**self.env, allowance.FILE: str(file)}

    def page(self, path: str) -> tuple[int, str]:
        """A page of the latest worker: status and content; 0 while nobody listens."""
        url = f"http://127.0.0.1:{self.ports[-1]}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    async def until_ready(self) -> None:
        """Follow until the latest worker says that it is ready."""
        await self.until(lambda: self.page("/readyz")[0] == 200)

    async def until_more(self, rows: int) -> None:
        """Follow until so many records more than now have an outcome."""
        due = len(self.account.fates) + rows
        await self.until(lambda: len(self.account.fates) >= due)

    async def until(self, reached: Callable[[], bool], deadline_s: float = DEADLINE_S) -> float:
        """Follow the topics until something holds; the seconds it took."""
        start = time.monotonic()
        while not reached():
            await self.oracle.follow(timeout_ms=100)
            elapsed_s = time.monotonic() - start
            assert elapsed_s < deadline_s, f"{self.account.counts()} after {elapsed_s:.0f} s"
            assert any(w.poll() is None for w in self.workers), self.logs()
        return time.monotonic() - start

    async def until_settled(self, count: int) -> None:
        """Follow until so many records are on the topic and every one is accounted for."""
        account = self.account
        await self.until(lambda: len(account.fates) >= count)
        await self.until(lambda: len(account.arrived_ms) >= count and self.oracle.settled())

    async def until_committed(self, topic: str, count: int) -> None:
        """Follow until the app's group has committed so many records of a topic."""
        committed = 0
        while committed < count:
            await self.oracle.follow(timeout_ms=100)
            offsets = await read_committed(self.env["AIMASS_BROKER"], self.name)
            committed = sum(at for (name, _), at in offsets.items() if name == topic)

    async def stop(self, worker: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        worker.send_signal(number)
        return await asyncio.to_thread(worker.wait, DEADLINE_S)

    def logs(self) -> str:
        """The logs of every worker, for a failure's message."""
        files = sorted(self.folder.glob("worker-*.log"))
        return "\n".join(f"{file.name}:\n{file.read_text()[-4000:]}" for file in files)


@asynccontextmanager
async def running(
    name: str, url: str, env: dict[str, str], folder: Path, app: str = "tests.delivery.app"
) -> AsyncIterator[Harness]:
    """Topics and an oracle for an app with an agent `copy`."""
    topics = dict.fromkeys([f"{name}.{part}" for part in ("source", "answers", "plain")], 4)
    watched = Watched("copy", f"{name}.source", f"{name}.answers")
    async with running_app(app, name, url, env, folder, topics, [watched]) as harness:
        yield harness


@asynccontextmanager
async def running_app(
    app: str,
    name: str,
    url: str,
    env: dict[str, str],
    folder: Path,
    topics: Mapping[str, int],
    watched: Sequence[Watched],
) -> AsyncIterator[Harness]:
    """Topics and an oracle for one app; workers that still run are killed at the end."""
    own = dict.fromkeys((outcomes_topic(name), dead_letters_topic(name)), 4)
    plans = [TopicPlan(topic, count) for topic, count in {**topics, **own}.items()]
    await create_topics({"bootstrap_servers": bootstrap_servers(url)}, plans, 1)
    async with Oracle(url, name, watched) as oracle:
        harness = Harness(app, name, env, folder, oracle)
        try:
            yield harness
        finally:
            for worker in harness.workers:
                if worker.poll() is None:
                    os.kill(worker.pid, signal.SIGKILL)
                worker.wait()


async def send(url: str, topic: str, values: Sequence[bytes]) -> None:
    """Send values, keyed so that they spread over the partitions."""
    async with Sender(url) as sender:
        for number, value in enumerate(values):
            await sender.send(topic, value, key=b"k%d" % (number % 64))


@dataclass
class Flow:
    """Records that are sent beside a test: how many by now."""

    sent: int = 0


@asynccontextmanager
async def flowing(url: str, topic: str, rows_a_second: int = 1_000) -> AsyncIterator[Flow]:
    """Send records at a steady pace until the block ends: there is work whenever something happens.

    A backlog would be done with before a worker has started, on a quick machine.
    """
    flow, ended = Flow(), asyncio.Event()

    async def flows() -> None:
        async with Sender(url) as sender:
            while not ended.is_set():
                for _ in range(round(rows_a_second * FLOW_S)):
                    await sender.send(topic, b"v%d" % flow.sent, key=b"k%d" % (flow.sent % 64))
                    flow.sent += 1
                await asyncio.sleep(FLOW_S)

    sending = asyncio.create_task(flows())
    try:
        yield flow
    finally:
        ended.set()
        await sending


async def total_of(url: str, changelog: str, at_least: int) -> int:
    """Sum of the latest counts of a Faust table, read from its changelog."""
    latest: dict[bytes | None, int] = {}
    async with asyncio.timeout(30), TopicReader(url, [changelog]) as reader:
        while sum(latest.values()) < at_least:
            for chunk in await reader.poll():
                for key, value in zip(chunk.keys, chunk.values, strict=True):
                    latest[key] = int(value or b"0")
    return sum(latest.values())


def assert_nothing_lost(harness: Harness, count: int) -> None:
    """So many records are on the topic, each with an outcome that no repeat contradicts."""
    account = harness.account
    assert account.counts()["in"] == count
    assert account.lost() == []
    assert account.differing == 0
