"""A model of each type of answer, all on one device, from topic to topic."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.reader import TopicReader
from aimass_stream.kafka.sender import Place, Sender
from aimass_stream.records import Record, identity
from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import Harness, running_app
from tests.projects import leave_models_out
from tests.zoo.case import Case, Zoo
from tests.zoo.declared import to_plain
from tests.zoo.same import same
from tests.zoo.zoo import CASES, ON_TOPICS

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PARTITIONS = 2
DEADLINE_S = 600.0
BROKEN = b"\x80no record of any type"
CHOSEN = [case for case in CASES if case.name in ON_TOPICS and case.is_possible]


def test_each_type_of_answer_is_on_topics() -> None:
    assert {case.name for case in CASES} >= ON_TOPICS


def describe(zoo: Zoo, case: Case) -> dict[str, Any]:
    # A machine that runs many tests takes long over a first batch.
    model = to_plain(zoo.declared(case), timeout_s=300.0)
    return {"name": case.name, "kind": case.kind.__name__, "model": model}


async def send(url: str, name: str) -> dict[str, list[Place]]:
    """Every record of each case, and one that is none, between them."""
    places: dict[str, list[Place]] = {}
    async with Sender(url) as sender:
        for case in CHOSEN:
            values = [case.values[0], BROKEN, *case.values[1:]]
            sent = [
                await sender.send(f"{name}.{case.name}", value, key=b"k%d" % at)
                for at, value in enumerate(values)
            ]
            places[case.name] = [await place for place in sent]
    return places


async def read(url: str, topic: str) -> dict[str, list[Record]]:
    """Every record of a topic by what it answers."""
    found: dict[str, list[Record]] = {}
    async with asyncio.timeout(60), TopicReader(url, [topic]) as reader:
        for place, end in (await reader.end_offsets()).items():
            while await reader.position(*place) < end:
                for chunk in await reader.poll():
                    for record in chunk.records(Record):
                        found.setdefault(record.header(identity.SOURCE) or "", []).append(record)
    return found


async def run(harness: Harness, url: str) -> dict[str, list[Place]]:
    places = await send(url, harness.name)
    worker = harness.start_worker()
    accounts = harness.oracle.accounts

    def settled() -> bool:
        return all(len(accounts[name].fates) >= len(held) for name, held in places.items())

    await harness.until(settled, DEADLINE_S)
    await harness.until(lambda: settled() and harness.oracle.settled(), DEADLINE_S)
    assert await harness.stop(worker) == 0
    return places


def expected(zoo: Zoo, case: Case, topic: str, places: list[Place]) -> list[Any]:
    """What the model answers to the records that lie there, without a topic."""
    predictor, model = zoo.predictor(case), zoo.declared(case)
    found = []
    for (partition, offset), value in zip(places, case.values, strict=True):
        record = case.kind(topic, partition, offset, 0, None, value, ())
        record.check(model.limits)
        (answer,) = predictor.predict([predictor.decode(model.payload(record))])
        found.append(answer)
    return found


@pytest.fixture
def env(zoo: Zoo, worker_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A project that has no models but these."""
    leave_models_out(tmp_path)
    declared = [describe(zoo, case) for case in CHOSEN]
    (tmp_path / "declared.json").write_bytes(orjson.dumps(declared))
    path = os.pathsep.join([str(ROOT), *sys.path])
    return {**worker_env, "PYTHONPATH": path, "TEST_ZOO": str(tmp_path), "OMP_NUM_THREADS": "1"}


@pytest.mark.filterwarnings("ignore")
async def test_answers_on_topics_are_those_of_the_model(
    zoo: Zoo, broker_url: str, topic_name: str, env: dict[str, str], tmp_path: Path
) -> None:
    sources = {case.name: f"{topic_name}.{case.name}" for case in CHOSEN}
    topics = {
        f"{source}{end}": PARTITIONS for source in sources.values() for end in ("", ".answers")
    }
    watched = [Watched(name, source, f"{source}.answers") for name, source in sources.items()]
    async with running_app(
        "tests.zoo.app", topic_name, broker_url, env, tmp_path, topics, watched
    ) as harness:
        harness.cwd = tmp_path
        places = await run(harness, broker_url)
        letters = await read(broker_url, dead_letters_topic(topic_name))
        for case in CHOSEN:
            source, held = sources[case.name], places[case.name]
            answers = await read(broker_url, f"{source}.answers")
            bad = held.pop(1)
            assert f"{source}/{bad[0]}/{bad[1]}" in letters, case.name
            assert len(answers) == len(held), case.name
            for place, due in zip(held, expected(zoo, case, source, held), strict=True):
                (record,) = answers[f"{source}/{place[0]}/{place[1]}"]
                given = msgspec.json.decode(record.bytes, type=type(due))
                assert same(given, due, 1e-4), f"{case.name}\n{given}\n{due}"
    assert len(letters) == len(CHOSEN)
