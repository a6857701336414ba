"""Positions and commits when fetches are lost, offsets have holes, and a worker comes back late."""

import asyncio
import random
import signal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import (
    DEADLINE_S,
    SHORT_SESSION,
    SUPERVISED,
    Harness,
    assert_nothing_lost,
    flowing,
    running,
    running_app,
    send,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

UNLUCKY = "tests.delivery.unlucky_app"


def assert_all_answered(harness: Harness, count: int) -> None:
    assert_nothing_lost(harness, count)
    counts = harness.account.counts()
    assert counts == {"in": count, "answered": count, "quiet": 0, "dead_lettered": 0}


async def send_in_transactions(url: str, topic: str, transactions: int, rows: int) -> None:
    """Each transaction leaves a marker on every partition it wrote to: a hole in the offsets."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers(url), transactional_id=f"{topic}-writer"
    )
    await producer.start()
    try:
        for number in range(transactions):
            async with producer.transaction():
                for row in range(rows):
                    await producer.send(topic, b"v", key=b"k%d" % ((number + row) % 64))
    finally:
        await producer.stop()


async def test_lost_fetches_and_refused_commits_lose_and_repeat_nothing(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    count = 12_000
    async with running(topic_name, broker_url, worker_env, tmp_path, UNLUCKY) as harness:
        await send(broker_url, f"{topic_name}.source", [b"v%d" % n for n in range(count)])
        harness.start_worker()
        await harness.until_settled(count)
        assert_all_answered(harness, count)
        assert harness.account.duplicated == 0


async def test_lost_fetches_in_a_group_that_changes(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    source, env = f"{topic_name}.source", worker_env | SHORT_SESSION
    async with running(topic_name, broker_url, env, tmp_path, UNLUCKY) as harness:
        async with flowing(broker_url, source) as flow:
            first = harness.start_worker()
            await harness.until_more(1_000)
            harness.start_worker()
            await harness.until_ready()
            await harness.until_more(1_000)
            await harness.stop(first, signal.SIGKILL)
            harness.start_worker()
            await harness.until_ready()
            await harness.until_more(1_000)
        await harness.until_settled(flow.sent)
        assert_all_answered(harness, flow.sent)


async def test_holes_in_the_offsets_are_no_lost_records(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    transactions, rows = 60, 100
    count = transactions * rows
    env = worker_env | SUPERVISED
    async with running(topic_name, broker_url, env, tmp_path, UNLUCKY) as harness:
        topic = f"{topic_name}.source"
        worker = harness.start_worker()
        await send_in_transactions(broker_url, topic, transactions // 2, rows)
        await harness.until(lambda: len(harness.account.fates) > count // 8)
        await harness.stop(worker, signal.SIGKILL)
        harness.start_worker()
        await send_in_transactions(broker_url, topic, transactions // 2, rows)
        await harness.until_settled(count)
        assert_all_answered(harness, count)
        offsets = [offset for _, offset in harness.account.arrived_ms]
        assert max(offsets) >= count // 4 + transactions // 2, "there were no holes"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_an_agent_that_is_ahead_of_another_repeats_nothing(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path, how: int
) -> None:
    portion = 200
    count = 4 * portion
    app, source = "tests.delivery.shared_app", f"{topic_name}.source"
    watched = [
        Watched("copy", source, f"{topic_name}.answers"),
        Watched("dawdle", source, f"{topic_name}.slow"),
    ]
    topics = dict.fromkeys([source, f"{topic_name}.answers", f"{topic_name}.slow"], 4)
    async with running_app(
        app, topic_name, broker_url, worker_env | SUPERVISED, tmp_path, topics, watched
    ) as harness:
        quick, slow = (harness.oracle.accounts[each.agent] for each in watched)
        harness.allow(portion)
        worker = harness.start_worker()
        await send(broker_url, source, [b"first"] * portion)
        await harness.until(lambda: len(slow.fates) == portion)
        # The slow one holds the first of these, so those behind them are another work.
        await send(broker_url, source, [b"second"] * portion)
        await harness.until(lambda: len(quick.fates) == 2 * portion)
        await send(broker_url, source, [b"third"] * (count - 2 * portion))
        await harness.until(lambda: len(quick.fates) == count)
        harness.allow(2 * portion)
        # This commit knows that the quick one has answered everything.
        await harness.until_committed(source, portion + 1)
        worker.send_signal(how)
        harness.allow(count)  # or what is in hand could not be finished
        await asyncio.to_thread(worker.wait, DEADLINE_S)
        await harness.oracle.catch_up()
        assert len(slow.fates) < count, "stopped too late to prove anything"
        harness.start_worker()
        await harness.until(lambda: len(slow.fates) == count and harness.oracle.settled())
        for account in (quick, slow):
            assert account.lost() == []
            assert account.counts()["answered"] == count
        assert quick.duplicated == 0
        if how == signal.SIGTERM:
            assert slow.duplicated == 0


async def test_a_worker_that_slept_through_its_eviction_does_no_harm(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    source, env = f"{topic_name}.source", worker_env | SHORT_SESSION
    async with running(topic_name, broker_url, env, tmp_path) as harness:
        async with flowing(broker_url, source) as flow:
            sleeper = harness.start_worker()
            await harness.until_more(1_000)
            sleeper.send_signal(signal.SIGSTOP)
            harness.start_worker()
            await harness.until_more(5_000)
            sleeper.send_signal(signal.SIGCONT)
            await harness.until_more(1_000)
        await harness.until_settled(flow.sent)
        assert sleeper.poll() is None
        assert_all_answered(harness, flow.sent)


@pytest.mark.parametrize("seed", [1])
async def test_workers_come_and_go_at_random(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    source, env = f"{topic_name}.source", worker_env | SHORT_SESSION
    async with running(topic_name, broker_url, env, tmp_path) as harness:
        async with flowing(broker_url, source) as flow:
            running_workers = [harness.start_worker()]
            for event in range(4):
                await harness.until_more(chance.randrange(500, 2_500))
                if event % 2 == 0:
                    running_workers.append(harness.start_worker())
                    continue
                await harness.until_ready()
                leaver = running_workers.pop(chance.randrange(len(running_workers)))
                await harness.stop(leaver, chance.choice([signal.SIGTERM, signal.SIGKILL]))
            await harness.until_more(500)
        await harness.until_settled(flow.sent)
        assert_all_answered(harness, flow.sent)
        await asyncio.gather(*(harness.stop(worker) for worker in running_workers))
