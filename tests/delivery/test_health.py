"""What fails on everything, or stands still: seen, said, and nothing lost over it."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import (
    SUPERVISED,
    Harness,
    assert_nothing_lost,
    running,
    running_app,
    send,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

APP = "tests.delivery.fragile_app"


class Scene:
    """Workers of the fragile app, and the mood they are in."""

    def __init__(self, harness: Harness, url: str, mood: Path) -> None:
        self.harness = harness
        self.url = url
        self._mood = mood

    def set_mood(self, mood: str) -> None:
        # Renamed, since the model may read it at any time.
        draft = self._mood.with_suffix(".draft")
        draft.write_text(mood)
        draft.replace(self._mood)

    async def send(self, count: int) -> None:
        await send(self.url, f"{self.harness.name}.source", [b"%d" % n for n in range(count)])

    def page(self, path: str) -> tuple[int, Any]:
        """A page of the latest worker: status and content; 0 while nobody listens."""
        return self.harness.page(path)

    def server(self) -> str | None:
        """What a worker says of the program behind its pages."""
        url = f"http://127.0.0.1:{self.harness.ports[-1]}/livez"
        with urllib.request.urlopen(url, timeout=5) as answer:
            server: str | None = answer.headers["Server"]
            return server

    def reasons(self, path: str = "/readyz") -> list[str]:
        status, text = self.page(path)
        reasons: list[str] = json.loads(text)["reasons"] if text else []
        assert (status == 503) == bool(reasons)
        return reasons

    async def exit_code(self) -> int:
        return await asyncio.to_thread(self.harness.workers[-1].wait, 60)


@pytest.fixture
async def scene(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> AsyncIterator[Scene]:
    env = {
        **worker_env,
        **SUPERVISED,
        "TEST_MOOD_FILE": str(tmp_path / "mood"),
    }
    async with running(topic_name, broker_url, env, tmp_path, APP) as harness:
        harness.give_models_of_its_own()
        scene = Scene(harness, broker_url, tmp_path / "mood")
        scene.set_mood("well")
        yield scene


async def test_a_worker_for_whom_no_partition_is_left_is_ready(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    source, answers = f"{topic_name}.source", f"{topic_name}.answers"
    watched = [Watched("copy", source, answers)]
    topics = {source: 1, answers: 1}
    env = {**worker_env, "TEST_MOOD_FILE": str(tmp_path / "mood")}
    async with running_app(APP, topic_name, broker_url, env, tmp_path, topics, watched) as harness:
        harness.give_models_of_its_own()
        scene = Scene(harness, broker_url, tmp_path / "mood")
        scene.set_mood("well")
        for _ in range(2):
            harness.start_worker()
            await harness.until(lambda: scene.page("/readyz")[0] == 200)
        await scene.send(100)
        await harness.until_settled(100)
        assert scene.reasons() == []


async def test_a_model_that_always_fails_holds_its_records_until_it_is_mended(
    scene: Scene,
) -> None:
    harness, account, limit = scene.harness, scene.harness.account, 50
    scene.set_mood("raise")
    await scene.send(800)
    worker = harness.start_worker()
    await harness.until(lambda: len(account.dead) > 0)
    seen_s = time.monotonic()
    await harness.until(lambda: any("fragile@1" in reason for reason in scene.reasons()))
    assert time.monotonic() - seen_s < 10
    (reason,) = (reason for reason in scene.reasons() if "fragile@1" in reason)
    assert "answered nothing" in reason
    assert scene.reasons("/livez") == []
    await harness.until(lambda: len(account.dead) >= limit)
    busy = psutil.Process(worker.pid)
    busy.cpu_percent()
    await asyncio.sleep(1)  # what is measured is that nothing happens meanwhile
    assert busy.cpu_percent() < 20
    await harness.oracle.follow(timeout_ms=500)
    assert len(account.dead) == limit
    assert 'aimass_open_circuits{model="fragile@1"} 1.0' in scene.page("/metrics")[1]
    letters = f'aimass_dead_letters_total{{agent="copy",reason="model_error"}} {limit}.0'
    await harness.until(lambda: letters in scene.page("/metrics")[1])
    scene.set_mood("well")
    await harness.until_settled(800)
    assert scene.reasons() == []
    assert await harness.stop(worker) == 0
    assert_nothing_lost(harness, 800)
    assert account.duplicated == 0
    assert account.counts()["dead_lettered"] == limit


async def test_a_model_that_kills_its_process_each_time_does_not_hold_up_the_end(
    scene: Scene,
) -> None:
    harness = scene.harness
    scene.set_mood("exit")
    await scene.send(400)
    worker = harness.start_worker()
    await harness.until(lambda: any("fragile@1" in reason for reason in scene.reasons()))
    began_s = time.monotonic()
    assert await harness.stop(worker) == 0
    assert time.monotonic() - began_s < 10
    scene.set_mood("well")
    harness.start_worker()
    await harness.until_settled(400)
    assert_nothing_lost(harness, 400)
    assert harness.account.duplicated == 0
    assert harness.account.counts()["dead_lettered"] == 5, "each counts for ten"


async def test_a_bad_deploy_ends_before_it_dead_letters_the_day(scene: Scene) -> None:
    harness, account = scene.harness, scene.harness.account
    harness.env |= {"AIMASS_FAILURE_WINDOW": "200", "AIMASS_FAILURE_SHARE": "0.5"}
    scene.set_mood("agent raises")
    await scene.send(4000)
    harness.start_worker()
    assert await scene.exit_code() == 78
    last_line = harness.logs().rstrip().splitlines()[-1]
    assert "agent copy stopped" in last_line
    assert "AIMASS_FAILURE_SHARE" in last_line
    scene.set_mood("well")
    harness.start_worker()
    await harness.until_settled(4000)
    assert_nothing_lost(harness, 4000)
    assert account.duplicated == 0
    assert account.counts()["dead_lettered"] <= 100, "of 200, one half"


@pytest.mark.parametrize("mood", ["agent waits", "agent blocks"])
async def test_an_agent_that_never_comes_back_ends_its_worker_and_the_next_goes_on(
    scene: Scene, mood: str
) -> None:
    harness = scene.harness
    harness.env |= {"AIMASS_STALL_S": "3"}
    scene.set_mood(mood)
    await scene.send(200)
    harness.start_worker()
    assert await scene.exit_code() == 75
    assert "copy" in harness.logs()
    scene.set_mood("well")
    harness.start_worker()
    await harness.until_settled(200)
    assert_nothing_lost(harness, 200)


async def test_the_worker_shows_metrics_and_health_and_nothing_else(scene: Scene) -> None:
    harness = scene.harness
    await scene.send(100)
    worker = harness.start_worker()
    await harness.until_settled(100)
    await harness.until(lambda: scene.page("/readyz")[0] == 200)
    assert scene.reasons("/livez") == []
    for path in ("/", "/table/", "/router/", "/graph/", "/stats/", "/performance/"):
        assert scene.page(path)[0] == 404, path
    lag = f'aimass_lag_records{{partition="0",topic="{harness.name}.source"}} 0.0'
    await harness.until(lambda: lag in scene.page("/metrics")[1])
    counted = [
        f'aimass_outcome_records_total{{agent="copy",outcome="{outcome}"}} {count}.0'
        for outcome, count in (("answered", 100), ("quiet", 0), ("dead_lettered", 0))
    ]
    await harness.until(lambda: all(line in scene.page("/metrics")[1] for line in counted))
    metrics = scene.page("/metrics")[1]
    for name in ("aimass_buffered_bytes{", "aimass_loop_lag_milliseconds "):
        assert f"\n{name}" in metrics
    assert "_created" not in metrics
    assert scene.server() == "aimass-stream"
    assert await harness.stop(worker) == 0


async def test_a_device_that_is_idle_says_why_while_it_is(scene: Scene) -> None:
    harness = scene.harness

    def idle_s(cause: str) -> float:
        name = f'aimass_device_idle_seconds_total{{cause="{cause}"}} '
        lines = scene.page("/metrics")[1].splitlines()
        return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0)

    await scene.send(100)
    worker = harness.start_worker()
    await harness.until_settled(100)
    before_s = idle_s("nothing_to_do")
    await harness.until(lambda: idle_s("nothing_to_do") > before_s + 1.5)
    scene.set_mood("agent waits")
    # More than is read ahead.
    await scene.send(30_000)
    await harness.until(lambda: idle_s("agent") > 1.5)
    assert idle_s("broker") == 0
    worker.kill()
