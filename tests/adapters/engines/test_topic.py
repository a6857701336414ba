"""From topic to topic: a device process writes the model, and answers as torch does."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import orjson
import pytest

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_text import TextClassifier
from aimass_stream.kafka.reader import TopicReader
from aimass_stream.kafka.sender import Sender
from aimass_stream.records import Prediction, Record, identity
from aimass_stream.registry.folder import resolve
from aimass_stream.verify.oracle import Watched
from tests.adapters.text_models import TEXTS, build, spec
from tests.delivery.harness import Harness, running_app
from tests.zoo.declared import to_plain

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
DEADLINE_S = 600.0
NAME = "texts"


async def send(url: str, topic: str) -> dict[str, str]:
    """Every text, by what its answer will name as its source."""
    async with Sender(url) as sender:
        sending = [await sender.send(topic, text.encode(), key=b"k") for text in TEXTS]
        places = [await place for place in sending]
    return {
        f"{topic}/{partition}/{offset}": text
        for (partition, offset), text in zip(places, TEXTS, strict=True)
    }


async def read(url: str, topic: str) -> dict[str, Record]:
    """Every answer by its source."""
    found: dict[str, Record] = {}
    async with asyncio.timeout(60), TopicReader(url, [topic]) as reader:
        for place, end in (await reader.end_offsets()).items():
            while await reader.position(*place) < end:
                for chunk in await reader.poll():
                    for record in chunk.records(Record):
                        source = record.header(identity.SOURCE) or ""
                        assert source not in found
                        found[source] = record
    return found


async def run(harness: Harness, url: str, topic: str) -> dict[str, str]:
    sent = await send(url, topic)
    worker = harness.start_worker()
    fates = harness.oracle.accounts[NAME].fates
    await harness.until(lambda: len(fates) == len(sent), DEADLINE_S)
    await harness.until(harness.oracle.settled, DEADLINE_S)
    assert await harness.stop(worker) == 0
    return sent


async def test_answers_on_a_topic_are_those_of_torch(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    folder = build("classifier", tmp_path / "classifier")
    model = Transformers("text-classification", str(folder), top=4, engine="onnx")
    declared = [{"name": NAME, "kind": "Text", "model": to_plain(model, timeout_s=120.0)}]
    (tmp_path / "declared.json").write_bytes(orjson.dumps(declared))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    path = os.pathsep.join([str(ROOT), *sys.path])
    env = {**worker_env, "PYTHONPATH": path, "TEST_ZOO": str(tmp_path), "OMP_NUM_THREADS": "1"}
    source = f"{topic_name}.{NAME}"
    topics = {source: 2, f"{source}.answers": 2}
    watched = [Watched(NAME, source, f"{source}.answers")]
    async with running_app(
        "tests.zoo.app", topic_name, broker_url, env, tmp_path, topics, watched
    ) as harness:
        harness.cwd = tmp_path
        sent = await run(harness, broker_url, source)
        answers = await read(broker_url, f"{source}.answers")
    torch_one = TextClassifier(spec(folder, top=4), "cpu")
    assert answers.keys() == sent.keys()
    for place, text in sent.items():
        (due,) = torch_one.predict([torch_one.decode(text.encode())])
        found = msgspec.json.decode(answers[place].bytes, type=Prediction)
        assert isinstance(due, Prediction)
        assert found.scores == pytest.approx(due.scores, abs=1e-4)
        assert answers[place].header(identity.MODEL) == resolve(model, tmp_path).id
    assert len(list((tmp_path / "state" / "engines").glob("*.onnx"))) == 1
