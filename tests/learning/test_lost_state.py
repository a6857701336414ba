"""Snapshots or logs that are gone: learnt again where the log has it all, refused where not."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from aimass_stream.errors import LostStateError
from aimass_stream.kafka.intake import Intake
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.replay import Logs
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Limits
from tests.delivery.harness import Harness, send
from tests.learning.test_learning import assert_as_if_uninterrupted, learning, until_settled

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]


async def ended(worker: subprocess.Popen[bytes]) -> int:
    return await asyncio.to_thread(worker.wait, 60)


def snapshots(harness: Harness) -> Path:
    return Path(harness.env["AIMASS_STATE"]) / "snapshots"


async def test_what_is_gone_is_learnt_again_or_refused(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    source, servers = f"{topic_name}.source", bootstrap_servers(broker_url)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        async with learning(topic_name, broker_url, worker_env, tmp_path) as harness:
            for run in range(2):
                await send(broker_url, source, [b"%d-%d" % (run, n) for n in range(1_200)])
                worker = harness.start_worker()
                await until_settled(harness, 1_200 * (run + 1), 0)
                assert await harness.stop(worker) == 0
                shutil.copytree(snapshots(harness), tmp_path / "kept", dirs_exist_ok=True)
                shutil.rmtree(snapshots(harness))
            # The second run had no snapshots, and knew as much as if it had had them.
            await assert_as_if_uninterrupted(harness, broker_url)
            assert "is gone: the log is learnt again from offset 0" in harness.logs()

            shutil.copytree(tmp_path / "kept", snapshots(harness), dirs_exist_ok=True)
            await admin.delete_topics([source])
            await admin.create_topics([NewTopic(source, 4, 1)])
            await send(broker_url, source, [b"anew"] * 64)
            assert await ended(harness.start_worker()) == 78
            assert "it was truncated, or deleted and created anew" in harness.logs()
    finally:
        await admin.close()


async def test_a_log_that_retention_has_cut_is_not_replayed(
    broker_url: str, topic_name: str
) -> None:
    client = {"bootstrap_servers": bootstrap_servers(broker_url)}
    await create_topics(client, [TopicPlan(topic_name, 1)], 1)
    await send(broker_url, topic_name, [b"%d" % number for number in range(40)])
    admin = AIOKafkaAdminClient(**client)
    await admin.start()
    await admin.delete_records({TopicPartition(topic_name, 0): RecordsToDelete(10)})
    await admin.close()
    logs = Logs(lambda: client, Intake(Limits(), nobody, 1, print), nobody)
    replayed = [chunk async for chunk in logs.replay(topic_name, 0, 10, 40)]
    assert [offset for chunk in replayed for offset in chunk.offsets] == list(range(10, 40))
    with pytest.raises(LostStateError, match="retention has removed what lies before 10"):
        await anext(logs.replay(topic_name, 0, 9, 40))


def nobody(*_: object) -> Any:
    raise AssertionError("a replay asks for nothing")
