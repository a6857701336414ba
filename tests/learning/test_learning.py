"""A learner's state is a function of its log, whatever is killed: told from topics alone."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import Harness, flowing, running_app, send
from tests.learning.learners import Fold
from tests.learning.uninterrupted import Answers, answers_on, learn_all, read_all

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]


@asynccontextmanager
async def learning(
    name: str, url: str, env: dict[str, str], folder: Path
) -> AsyncIterator[Harness]:
    source, labels, log = f"{name}.source", f"{name}.labels", f"{name}.shared.log"
    topics = {source: 4, labels: 4, log: 1, f"{name}.own": 4, f"{name}.together": 1}
    watched = [
        Watched("own", source, f"{name}.own"),
        Watched(f"shared.{source}", source, log),
        Watched(f"shared.{labels}", labels, log),
        Watched("together", log, f"{name}.together"),
    ]
    # The successor takes the place of the worker before it at once, as under a supervisor.
    env = {**env, "AIMASS_SLOT": "1"}
    async with running_app(
        "tests.learning.app", name, url, env, folder, topics, watched
    ) as harness:
        harness.give_models_of_its_own()
        yield harness


async def expected_of(url: str, topic: str, block_rows: int) -> Answers:
    """What learners that nobody interrupts answer to the log."""
    learner = Fold("fold", block_rows=block_rows)
    expected: Answers = {}
    for partition, chunks in (await read_all(url, topic)).items():
        expected |= learn_all(learner, f"{topic}/{partition}", chunks).answers
    return expected


async def assert_as_if_uninterrupted(harness: Harness, url: str) -> None:
    name = harness.name
    assert harness.oracle.settled()
    for account in harness.oracle.accounts.values():
        assert account.lost() == []
        assert account.differing == 0
    own = await answers_on(url, f"{name}.own")
    assert own == await expected_of(url, f"{name}.source", block_rows=16)
    together = await answers_on(url, f"{name}.together")
    assert together == await expected_of(url, f"{name}.shared.log", block_rows=8)


async def until_settled(harness: Harness, records: int, labels: int) -> None:
    accounts = harness.oracle.accounts
    name = harness.name

    def settled() -> bool:
        arrived = {agent: len(account.arrived_ms) for agent, account in accounts.items()}
        return (
            arrived["own"] >= records
            and arrived[f"shared.{name}.labels"] >= labels
            and arrived["together"] >= records + labels
            and harness.oracle.settled()
        )

    await harness.until(settled, deadline_s=120)


async def test_bad_records_cost_themselves_and_are_not_learnt(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    async with learning(topic_name, broker_url, worker_env, tmp_path) as harness:
        values = [b"%d" % number for number in range(300)]
        values[50], values[150], values[250] = b"bad", b"odd", b"label"
        await send(broker_url, f"{topic_name}.source", values)
        worker = harness.start_worker()
        await until_settled(harness, 300, 0)
        assert await harness.stop(worker) == 0
        account = harness.oracle.accounts["own"]
        assert account.counts() == {"in": 300, "answered": 297, "quiet": 1, "dead_lettered": 2}
        assert sorted(account.dead.values()) == ["bad_envelope", "model_error"]
        await assert_as_if_uninterrupted(harness, broker_url)


async def test_ten_kills_leave_the_state_of_a_run_without_any(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    draw, kills, labels = random.Random(11), 10, 20
    async with learning(topic_name, broker_url, worker_env, tmp_path) as harness:
        worker = harness.start_worker()
        async with flowing(broker_url, f"{topic_name}.source", rows_a_second=300) as flow:
            for kill in range(kills):
                await send(broker_url, f"{topic_name}.labels", [b"label"] * labels)
                await harness.until_more(draw.randrange(1, 600))
                if kill % 2:
                    kill_learner_process(worker.pid)
                else:
                    await harness.stop(worker, signal.SIGKILL)
                    worker = harness.start_worker()
        await until_settled(harness, flow.sent, kills * labels)
        await assert_as_if_uninterrupted(harness, broker_url)


def kill_learner_process(worker_pid: int) -> None:
    """The worker's own learner process, which holds every state."""
    for child in psutil.Process(worker_pid).children(recursive=True):
        if "learners" in child.cmdline():
            child.kill()


async def test_a_worker_that_leaves_hands_its_partitions_over_with_their_states(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    async with learning(topic_name, broker_url, worker_env, tmp_path) as harness:
        async with flowing(broker_url, f"{topic_name}.source", rows_a_second=300) as flow:
            first = harness.start_worker()
            await harness.until_more(500)
            harness.env = {**harness.env, "AIMASS_SLOT": "2"}
            harness.start_worker()
            await harness.until_ready()
            await harness.until_more(500)
            assert await harness.stop(first) == 0
            await harness.until_more(500)
        await until_settled(harness, flow.sent, 0)
        await assert_as_if_uninterrupted(harness, broker_url)


async def test_a_record_that_cannot_be_learnt_stops_the_worker(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    async with learning(topic_name, broker_url, worker_env, tmp_path) as harness:
        await send(broker_url, f"{topic_name}.source", [b"v"] * 100 + [b"unlearnable"] * 100)
        worker = harness.start_worker()
        assert await asyncio.to_thread(worker.wait, 60) == 75
        assert "cannot learn" in harness.logs()
