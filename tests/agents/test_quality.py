"""The reference application on a real worker: it says how right it is, version by version."""

from __future__ import annotations

import asyncio
import os
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from aimass_stream.cli.worker import free_ports
from aimass_stream.kafka.embedded import lease_broker
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Place, Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import ModelQuality, Quality, Record, Understanding, identity
from aimass_stream.records.feedback import encode_feedback
from aimass_stream.records.text import encode_text
from aimass_stream.training.messages import Message, messages
from tests.cli.commands import start_aimass

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(360)]

ROOT = Path(__file__).parents[2]
TOPICS = ("text", "predictions.text", "feedback", "quality.intents")
DEADLINE_S = 120.0
CLASSIFIER, HEAD = "messages-intent@1+messages-entities@1", "intent-head@1"
SENT = 40


async def stream(
    url: str, sent: Sequence[Message], worker: subprocess.Popen[str], log: Path
) -> tuple[dict[str, Understanding], dict[str, ModelQuality]]:
    """Messages, then what they were; the classifier's answers, and the last word on each model."""
    plans = [TopicPlan(topic, 1) for topic in TOPICS]
    await create_topics({"bootstrap_servers": bootstrap_servers(url)}, plans, 1)
    async with TopicReader(url, TOPICS) as reader, Sender(url) as sender:
        reader.seek(await reader.end_offsets())
        for message in sent:
            value, headers = encode_text(message.text)
            placed = await sender.send("text", value, headers=headers)
            root = root_of(await placed)
            await sender.send("feedback", encode_feedback(root, message.intent))
        understood: dict[str, Understanding] = {}
        latest: dict[str, ModelQuality] = {}
        async with asyncio.timeout(DEADLINE_S):
            while [model.labels for model in latest.values()] != [SENT, SENT]:
                assert worker.poll() is None, await asyncio.to_thread(log.read_text)
                for chunk in await reader.poll():
                    for record in chunk.records(Record):
                        take(record, understood, latest)
        return understood, latest


def root_of(place: Place) -> str:
    return f"text/{place[0]}/{place[1]}"


def take(
    record: Record, understood: dict[str, Understanding], latest: dict[str, ModelQuality]
) -> None:
    if record.topic == "predictions.text":
        root = record.header(identity.ROOT) or ""
        understood[root] = msgspec.json.decode(record.bytes, type=Understanding)
    elif record.topic == "quality.intents":
        told = msgspec.json.decode(record.bytes, type=Quality).models
        latest.update({model.model: model for model in told})


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    """A broker of its own: on the run's the app may have had a life before, and remembers it."""
    with lease_broker(tmp_path / "broker", say=print) as broker:
        yield broker.url


def test_the_app_says_how_right_each_version_is(
    broker_url: str, models_folder: Path, tmp_path: Path
) -> None:
    port = free_ports(6066, 1)[0]
    env = {
        **os.environ,
        "AIMASS_BROKER": broker_url,
        "AIMASS_MODELS": str(models_folder),
        "AIMASS_REPLICATION": "1",
        "AIMASS_STATE": str(tmp_path / "state"),
        "AIMASS_WEB_PORT": str(port),
    }
    sent = list(islice(messages("stream", seed=3), SENT))
    log = tmp_path / "worker.log"
    worker = start_aimass("worker", env=env, cwd=ROOT, errors=log)
    try:
        understood, latest = asyncio.run(stream(broker_url, sent, worker, log))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
            metrics = page.read().decode()
    finally:
        worker.kill()
        worker.communicate()
    truth = dict(zip(sorted(understood, key=offset_of), sent, strict=True))
    right = sum(understood[root].intent.label == truth[root].intent for root in truth)
    assert set(latest) == {CLASSIFIER, HEAD}
    assert latest[CLASSIFIER].accuracy == pytest.approx(right / SENT)
    assert latest[CLASSIFIER].answers == latest[HEAD].answers == SENT
    shown = f'aimass_accuracy_ratio{{model="{CLASSIFIER}"}} {right / SENT}'
    assert shown in metrics


def offset_of(root: str) -> int:
    return int(root.rpartition("/")[2])
