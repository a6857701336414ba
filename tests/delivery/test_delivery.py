"""One outcome per record, whatever dies: told by an oracle that reads only topics."""

import asyncio
import signal
from pathlib import Path

import pytest

from aimass_stream.errors import Reason
from tests.delivery.harness import (
    DEADLINE_S,
    SUPERVISED,
    assert_nothing_lost,
    flowing,
    running,
    send,
    total_of,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


async def test_bad_records_cost_themselves(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    async with running(topic_name, broker_url, worker_env, tmp_path) as harness:
        values = [b"%d" % number for number in range(400)]
        values[217] = b"raise"
        values[301] = b"poison"
        await send(broker_url, f"{topic_name}.source", values)
        worker = harness.start_worker()
        await harness.until_settled(400)
        assert await harness.stop(worker) == 0
        assert_nothing_lost(harness, 400)
        account = harness.account
        assert account.counts() == {"in": 400, "answered": 398, "quiet": 0, "dead_lettered": 2}
        assert sorted(account.dead.values()) == [Reason.AGENT_ERROR, Reason.MODEL_ERROR]
        assert account.duplicated == 0


async def test_an_exception_in_the_body_costs_one_record(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    app = "tests.delivery.record_app"
    async with running(topic_name, broker_url, worker_env, tmp_path, app) as harness:
        values = [b"%d" % number for number in range(400)]
        values[217] = b"raise"
        await send(broker_url, f"{topic_name}.source", values)
        worker = harness.start_worker()
        await harness.until_settled(400)
        assert await harness.stop(worker) == 0
        assert_nothing_lost(harness, 400)
        account = harness.account
        assert account.counts() == {"in": 400, "answered": 399, "quiet": 0, "dead_lettered": 1}
        assert list(account.dead.values()) == [Reason.AGENT_ERROR]
        assert account.duplicated == 0
        doubled = sorted(value * 2 for value in values if value != b"raise")
        assert sorted(account.answers.values()) == doubled


async def test_a_body_that_is_ahead_of_the_broker_dead_letters_no_more_than_is_allowed(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    app, env = "tests.delivery.record_app", {**worker_env, **SUPERVISED}
    async with running(topic_name, broker_url, env, tmp_path, app) as harness:
        await send(broker_url, f"{topic_name}.source", [b"raise"] * 20_000)
        worker = harness.start_worker()
        assert await asyncio.to_thread(worker.wait, 60) == 78
        assert "agent copy stopped: " in harness.logs()
        assert "did not end by itself" not in harness.logs()
        await harness.oracle.follow(timeout_ms=1000)
        account = harness.account
        assert len(account.dead) <= 500, "half of the latest thousand"
        assert account.counts()["answered"] == 0


async def test_killed_in_the_middle(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    count = 12_000
    env = worker_env | SUPERVISED
    async with running(topic_name, broker_url, env, tmp_path) as harness:
        await send(broker_url, f"{topic_name}.source", [b"v%d" % n for n in range(count)])
        harness.allow(count * 3 // 4)
        worker = harness.start_worker()
        await harness.until(lambda: len(harness.account.fates) > count // 4)
        await harness.stop(worker, signal.SIGKILL)
        harness.allow(count)
        harness.start_worker()
        await harness.until_settled(count)
        assert_nothing_lost(harness, count)


async def test_sigterm_in_the_middle_repeats_nothing(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    count = 12_000
    env = {**worker_env, "TEST_BATCH_S": "0.04"}
    async with running(topic_name, broker_url, env, tmp_path) as harness:
        await send(broker_url, f"{topic_name}.source", [b"v%d" % n for n in range(count)])
        harness.allow(count * 2 // 3)
        worker = harness.start_worker()
        await harness.until(lambda: len(harness.account.fates) > count // 6)
        worker.send_signal(signal.SIGTERM)
        harness.allow(count)  # or what is in hand could not be finished
        assert await asyncio.to_thread(worker.wait, DEADLINE_S) == 0
        await harness.oracle.catch_up()
        assert len(harness.account.fates) < count, "stopped too late to prove anything"
        harness.start_worker()
        await harness.until_settled(count)
        assert_nothing_lost(harness, count)
        assert harness.account.duplicated == 0


async def test_workers_join_and_leave(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    source = f"{topic_name}.source"
    async with running(topic_name, broker_url, worker_env, tmp_path) as harness:
        async with flowing(broker_url, source) as flow:
            first = harness.start_worker()
            await harness.until_more(1_000)
            second = harness.start_worker()
            await harness.until_ready()
            await harness.until_more(1_000)
            assert await harness.stop(first) == 0
            await harness.until_more(1_000)
        await harness.until_settled(flow.sent)
        assert second.poll() is None
        assert_nothing_lost(harness, flow.sent)
        assert harness.account.duplicated == 0


async def test_a_payload_that_cannot_be_kept_stops_the_worker_and_is_not_lost(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    payloads = Path(worker_env["AIMASS_STATE"]) / "payloads"
    payloads.parent.mkdir(parents=True)
    payloads.write_text("a file where the folder belongs")
    env = worker_env | SUPERVISED
    async with running(topic_name, broker_url, env, tmp_path) as harness:
        # Its answer is too large for a message, and it is too large for its dead letter.
        await send(broker_url, f"{topic_name}.source", [b"x" * 600_000])
        assert await asyncio.to_thread(harness.start_worker().wait, 60) == 75
        assert f"{topic_name}.source/" in harness.logs()
        assert "its payload of 600000 bytes cannot be kept" in harness.logs()
        payloads.unlink()
        harness.start_worker()
        await harness.until_settled(1)
        assert_nothing_lost(harness, 1)
        assert list(harness.account.dead.values()) == [Reason.TOO_LARGE]


async def test_a_plain_faust_agent_and_its_table_work_beside(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    async with running(topic_name, broker_url, worker_env, tmp_path) as harness:
        harness.start_worker()
        await send(broker_url, f"{topic_name}.source", [b"v"] * 100)
        await harness.until_settled(100)
        await send(broker_url, f"{topic_name}.plain", [b"v"] * 100)
        counted = await total_of(broker_url, f"{topic_name}-{topic_name}-counts-changelog", 100)
        assert counted == 100
