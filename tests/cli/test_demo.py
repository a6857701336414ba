"""The demo as a person runs it: its report adds up, whatever dies in the middle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimass_stream.errors import Reason
from aimass_stream.kafka.embedded import find_broker, stop_broker
from tests.cli.demos import WORKER, running_demo
from tests.runtime.helpers import is_alive

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(480)]

STREAM_S = 10
UNTIL_INTERRUPTED_S = 600
FATES = ("in", "answered", "quiet", "dead_lettered")
AGENTS = {
    "classify": ["images"],
    "listen": ["audio"],
    "understand": ["text"],
    "intent-head.text": ["text"],
    "intent-head.feedback": ["feedback"],
    "recall": ["aimass-demo.intent-head.log"],
    "intent-quality.predictions.text": ["predictions.text"],
    "intent-quality.predictions.intents": ["predictions.intents"],
    "intent-quality.feedback": ["feedback"],
    "appraise": ["aimass-demo.intent-quality.log"],
    "watch": ["behaviour"],
    "recommender.behaviour": ["behaviour"],
    "recommend": ["aimass-demo.recommender.log"],
    "keep": ["recommendations"],
}
"""The agents of the reference application, and what they read."""
MARGIN = 0.15
"""By how much the model must be right more often than the baseline."""


@pytest.fixture
def env(worker_env: dict[str, str], models_folder: Path) -> dict[str, str]:
    """A demo on the run's broker, with the run's model and a state of its own."""
    return {**worker_env, "AIMASS_MODELS": str(models_folder)}


@pytest.fixture
def env_without_broker(env: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """A demo that starts a Kafka of its own."""
    state = tmp_path / "own"
    own = {name: value for name, value in env.items() if name != "AIMASS_BROKER"}
    yield {**own, "AIMASS_STATE": str(state)}
    stop_broker(state)


def assert_every_record_accounted_for(report: dict[str, Any]) -> None:
    assert (report["lost"], report["waiting"]) == (0, 0)
    assert report["differing"] == 0, {n: t["differing"] for n, t in report["topics"].items()}
    assert set(report["topics"]) == {topic for topics in AGENTS.values() for topic in topics}
    for name, topic in report["topics"].items():
        counts = {fate: topic[fate] for fate in FATES}
        agents = topic["agents"]
        assert set(agents) == {agent for agent, topics in AGENTS.items() if name in topics}
        assert counts == {fate: sum(each[fate] for each in agents.values()) for fate in FATES}
        assert counts["in"] == counts["answered"] + counts["quiet"] + counts["dead_lettered"]
    assert report["topics"]["images"]["answered"] == report["accuracy"]["records"]


def assert_broken_records_cost_themselves(report: dict[str, Any]) -> None:
    broken = report["broken"]
    assert broken["sent"] > 0
    assert broken["dead_lettered"] == broken["sent"]
    assert broken["whole_dead_lettered"] == 0
    assert sum(broken["reasons"].values()) == broken["sent"]
    assert set(broken["reasons"]) <= {
        Reason.BAD_ENVELOPE,
        Reason.EMPTY,
        Reason.TOO_LARGE,
        Reason.TYPE_MISMATCH,
        Reason.UNDECODABLE,
    }


async def test_every_record_is_accounted_for_and_the_answers_are_right(
    env: dict[str, str], tmp_path: Path
) -> None:
    async with running_demo(env, tmp_path, STREAM_S) as demo:
        report = await demo.finish()
        took_s = time.monotonic() - demo.started_at
        assert demo.processes() == []
        said = demo.output()
    assert "aimass dlq list --app-id aimass-demo" in said
    assert_broken_records_cost_themselves(report)
    assert_every_record_accounted_for(report)
    assert report["topics"]["images"]["in"] > 40 * STREAM_S
    assert report["duplicated"] == 0
    quality = report["quality"]
    for accuracy in (report["accuracy"], quality["audio"]["accuracy"]):
        assert 0 < accuracy["baseline"] + MARGIN < accuracy["model"] <= 1
    entities, head = quality["text"]["entities"], quality["text"]["head"]
    assert 0 < entities["baseline_f1"] + MARGIN < entities["f1"] <= 1
    before, after = head["accuracy_before_feedback"], head["accuracy_after_feedback"]
    assert before + MARGIN < after <= 1
    live = {
        name.partition("@")[0]: quality["text"][name] for name in quality["text"] if "@" in name
    }
    assert set(live) == {"messages-intent", "intent-head"}
    assert live["messages-intent"]["live_accuracy"] > 0.5
    assert set(quality["behaviour"]) == {"alerts", "recommendations"}
    assert quality["behaviour"]["recommendations"]["records"] > 0
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    assert 0 < report["seconds_to_first_answer"] < took_s - STREAM_S


async def test_whatever_is_killed_comes_back_and_ctrl_c_still_reports(
    env_without_broker: dict[str, str], tmp_path: Path
) -> None:
    async with running_demo(env_without_broker, tmp_path, UNTIL_INTERRUPTED_S) as demo:
        for program in (WORKER, "cpu", "learners"):
            await demo.until_answered(200)
            await demo.kill(demo.find(program))
        await demo.until_answered(200)
        broker = find_broker(demo.state)
        assert broker is not None
        await demo.kill(broker.pid)
        await demo.until_answered(200)
        again = find_broker(demo.state)
        demo.interrupt()
        report = await demo.finish()
        assert demo.processes() == []
    assert again is not None
    assert not is_alive(again.pid)
    assert again.url == broker.url
    assert again.pid != broker.pid
    assert_broken_records_cost_themselves(report)
    assert_every_record_accounted_for(report)
    said = demo.output()
    assert "worker 1 died (signal 9, SIGKILL), restarted" in said
    assert "device cpu died (signal 9, SIGKILL)" in said
    assert "device learners died (signal 9, SIGKILL)" in said
    assert "Kafka died; starting it again" in said
