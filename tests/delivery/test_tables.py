"""A Faust table comes up whole or not at all: told by its changelog and the worker's own words."""

import asyncio
import re
import signal
import subprocess
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete

from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import TopicPlan, create_topics, topic_config
from tests.delivery.harness import SUPERVISED, Harness, running, send, total_of

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


async def set_policy(url: str, topic: str, policy: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers(url))
    await admin.start()
    try:
        config = {"cleanup.policy": policy}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
    finally:
        await admin.close()


async def delete_records(url: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers(url))
    await admin.start()
    try:
        everything = {TopicPartition(topic, p): RecordsToDelete(-1) for p in range(4)}
        await admin.delete_records(everything)
    finally:
        await admin.close()


async def delete_topic(url: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers(url))
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()


async def start(harness: Harness, url: str) -> subprocess.Popen[bytes]:
    """Start a worker and wait until it has answered something: its tables exist by then."""
    worker = harness.start_worker()
    await send(url, f"{harness.name}.source", [b"v"])
    await harness.until_settled(len(harness.account.arrived_ms) + 1)
    return worker


async def ended(worker: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(worker.wait, 30)


def last_words(harness: Harness) -> str:
    return (harness.folder / f"worker-{len(harness.workers) - 1}.log").read_text()


async def test_a_table_that_lost_its_changelog_is_refused_and_no_other(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    changelog, plain = f"{topic_name}-{topic_name}-counts-changelog", f"{topic_name}.plain"
    env = worker_env | SUPERVISED
    async with running(topic_name, broker_url, env, tmp_path) as harness:
        # A kill, then a stop in order: nobody is refused, nothing forgotten.
        for number, end in enumerate((signal.SIGKILL, signal.SIGTERM), start=1):
            worker = await start(harness, broker_url)
            await send(broker_url, plain, [b"v"] * 100)
            assert await total_of(broker_url, changelog, 100 * number) >= 100 * number
            await harness.stop(worker, end)
            assert worker.returncode in (0, -signal.SIGKILL), harness.logs()

        await set_policy(broker_url, changelog, "compact,delete")
        await delete_records(broker_url, changelog)
        await set_policy(broker_url, changelog, "compact")
        assert await ended(harness.start_worker()) == 78
        said = last_words(harness)
        assert f"Table {topic_name}-counts has lost records of its changelog" in said

        (accept,) = set(re.findall(r"AIMASS_ACCEPT_LOSS='([^']+)'", said))
        harness.env = {**harness.env, "AIMASS_ACCEPT_LOSS": accept}
        worker = await start(harness, broker_url)
        await send(broker_url, plain, [b"v"] * 100)
        assert await total_of(broker_url, changelog, 100) >= 100

        # It goes under a running worker; what was accepted before covers none of this.
        await delete_topic(broker_url, changelog)
        assert await ended(worker) == 78
        assert "is not" in last_words(harness)


async def test_a_recovery_that_never_ends_ends_the_worker(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    changelog = f"{topic_name}-{topic_name}-counts-changelog"
    env = {**worker_env, "AIMASS_STALL_S": "2"}
    async with running(topic_name, broker_url, env, tmp_path) as harness:
        servers = bootstrap_servers(broker_url)
        plan = TopicPlan(changelog, 4, topic_config(compacted=True))
        await create_topics({"bootstrap_servers": servers}, [plan], 1)
        # A transaction's marker is the last offset, and no record: Faust waits for it for ever.
        producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=topic_name)
        await producer.start()
        async with producer.transaction():
            await producer.send(changelog, b"1", key=b"k", partition=0)
        await producer.stop()
        assert await ended(harness.start_worker()) == 75
        assert f"nothing came of {changelog}/0" in last_words(harness)
