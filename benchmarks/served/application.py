"""The reference application at work: a worker, what is produced into it, and what comes back."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aimass_stream.cli.app_report import AppQuestion
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.topics import create_topics
from aimass_stream.records import Record
from aimass_stream.verify.oracle import Account, Oracle, Watched

APP = "aimass-demo"
AIMASS = (sys.executable, "-m", "aimass_stream.cli.main")


@dataclass(frozen=True)
class Served:
    """What one agent made of everything that was produced.

    Attributes:
        account: the oracle's.
        records: the records as they lie on the source topic, by partition and offset.
    """

    account: Account
    records: Mapping[tuple[int, int], Record]

    def counts(self) -> dict[str, int]:
        """`in`, `answered`, `quiet`, `dead_lettered` and `lost`."""
        return {**self.account.counts(), "lost": len(self.account.lost())}


async def serve(
    url: str, state: Path, produce: Sequence[str], watched: Watched, expected: int
) -> Served:
    """Produce into the application and wait until every record has its outcome.

    Args:
        url: a broker of its own, whose topics are empty.
        state: the state folder, with the models that the application needs.
        produce: arguments of `aimass produce`.
        watched: the agent, its topic and its answers.
        expected: how many records that makes.
    """
    env = {
        **os.environ,
        "AIMASS_BROKER": url,
        "AIMASS_REPLICATION": "1",
        "AIMASS_STATE": str(state),
    }
    client = {"bootstrap_servers": bootstrap_servers(url)}
    plans = AppQuestion("agents").answer().plans
    await create_topics(client, plans, 1)
    async with _worker(env), Oracle(url, APP, [watched]) as oracle:
        producing = await asyncio.create_subprocess_exec(*AIMASS, "produce", *produce, env=env)
        if await producing.wait():
            raise SystemExit("aimass produce failed")
        account = oracle.accounts[watched.agent]
        while len(account.arrived_ms) < expected or not oracle.settled():
            await oracle.follow()
        await oracle.catch_up()
    return Served(account, await read_topic(url, watched.topic))


@asynccontextmanager
async def _worker(env: Mapping[str, str]) -> AsyncIterator[None]:
    worker = await asyncio.create_subprocess_exec(
        *AIMASS, "worker", env=env, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        worker.terminate()
        await worker.wait()


async def read_topic(url: str, topic: str) -> dict[tuple[int, int], Record]:
    """Every record of a topic, by partition and offset."""
    records: dict[tuple[int, int], Record] = {}
    async with TopicReader(url, [topic]) as reader:
        count = sum((await reader.end_offsets()).values())
        while len(records) < count:
            for chunk in await reader.poll():
                for record in chunk.records(Record):
                    records[record.partition, record.offset] = record
    return records
