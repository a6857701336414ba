"""Every recording is answered in speech, as an uninterrupted run would, also behind a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from aimass_stream.config import settings
from aimass_stream.kafka.reader import TopicReader
from aimass_stream.kafka.sender import Place, Sender
from aimass_stream.learner import Event, Learner
from aimass_stream.model import Model, import_adapter
from aimass_stream.records import Audio, Record, Reply, Speech, Text, Transcript, identity
from aimass_stream.registry.folder import resolve
from tests.delivery.harness import Harness, running_app
from tests.projects import leave_models_out
from tests.voice import declared
from tests.zoo.case import Read
from tests.zoo.same import same
from tests.zoo.sounds import noisy

pytest.importorskip("librosa")
pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),
]

ROOT = Path(__file__).parents[2]
DEADLINE_S = 400.0
SPEAKERS = ("anna", "bo", "cy")
TURNS = [noisy(0.35 + 0.05 * (turn % 5), turn) for turn in range(15)]


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is spoken in this process lies in a folder of its own."""
    torch.set_num_threads(1)
    monkeypatch.setenv("AIMASS_STATE", str(tmp_path / "own"))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def env(worker_env: dict[str, str], own_state: None, tmp_path: Path) -> dict[str, str]:
    """A project that has these models and no others."""
    del own_state
    declared.build(tmp_path)
    leave_models_out(tmp_path)
    path = os.pathsep.join([str(ROOT), *sys.path])
    own = {"PYTHONPATH": path, "TEST_VOICE": str(tmp_path), "OMP_NUM_THREADS": "1"}
    return {**worker_env, **own, "AIMASS_SLOT": "1"}


async def send(url: str, topic: str, turns: Sequence[int]) -> list[Place]:
    async with Sender(url) as sender:
        keys = [SPEAKERS[turn % len(SPEAKERS)].encode() for turn in turns]
        sent = [
            await sender.send(topic, TURNS[turn], key=key)
            for turn, key in zip(turns, keys, strict=True)
        ]
        return [await place for place in sent]


async def read(url: str, topic: str) -> list[Record]:
    """A topic from its beginning to its end, each partition in order."""
    found: list[Record] = []
    async with asyncio.timeout(60), TopicReader(url, [topic]) as reader:
        for place, end in (await reader.end_offsets()).items():
            while await reader.position(*place) < end:
                for chunk in await reader.poll():
                    found += chunk.records(Record)
    return found


async def settle(harness: Harness, count: int) -> None:
    oracle = harness.oracle

    def is_settled() -> bool:
        known = [len(oracle.accounts[name].fates) for name in declared.AGENTS]
        return min(known) >= count and oracle.settled()

    await harness.until(is_settled, DEADLINE_S)


def loaded(model: Model[Any], home: Path) -> Any:
    spec = resolve(model, home)
    predictor = import_adapter(spec.adapter)(spec, "cpu")
    return Read(predictor, model.answer_type) if spec.parts else predictor


def answer_to(model: Model[Any], predictor: Any, record: Record) -> Any:
    record.check(model.limits)
    (found,) = predictor.predict([predictor.decode(model.payload(record))])
    return found


def place_of(record: Record) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


def learnt(declaration: Learner[Any], log: Sequence[Record]) -> dict[str, Any]:
    """What a learner that nobody interrupts answers to a log, by the place of each record."""
    states: dict[int, Any] = {}
    found = {}
    for record in log:
        if record.partition not in states:
            states[record.partition] = import_adapter(declaration.adapter)(declaration.settings)
        state = states[record.partition]
        place, value = place_of(record), record.value or b""
        event = Event(record.offset, record.topic, record.timestamp_ms, place, record.key, value)
        read = state.read(event)
        (found[place],) = state.score([read])
        state.learn([read])
    return found


async def test_turns_are_answered_in_speech_and_outlive_a_kill(
    broker_url: str, topic_name: str, env: dict[str, str], tmp_path: Path
) -> None:
    names = declared.topics_of(topic_name)
    topics, watched = dict.fromkeys(names, 2), declared.watched_of(topic_name)
    async with running_app(
        "tests.voice.app", topic_name, broker_url, env, tmp_path, topics, watched
    ) as harness:
        harness.cwd = tmp_path
        half = len(TURNS) // 2
        places = await send(broker_url, names[0], range(half))
        killed = harness.start_worker()
        await settle(harness, half)
        assert await harness.stop(killed, signal.SIGKILL) == -signal.SIGKILL
        places += await send(broker_url, names[0], range(half, len(TURNS)))
        worker = harness.start_worker()
        await settle(harness, len(TURNS))
        assert await harness.stop(worker) == 0
        heard, turns, said, spoken, written = [await read(broker_url, name) for name in names]
    roots = {f"{names[0]}/{partition}/{offset}" for partition, offset in places}
    for records in (turns, said, spoken):
        assert {record.header(identity.ROOT) for record in records} == roots
    check_hearing(tmp_path, heard, turns)
    due = learnt(declared.talk(), [one for one in turns if is_first(one, turns)])
    assert told(said, Reply) == due
    assert max(reply.turn for reply in due.values()) > 2
    check_speech(tmp_path, said, spoken)
    check_pieces(tmp_path, heard, written)


def told(answers: Sequence[Record], kind: type[Any]) -> dict[str, Any]:
    """Answers by the place of what they answer."""
    return {
        str(one.header(identity.SOURCE)): msgspec.json.decode(one.bytes, type=kind)
        for one in answers
    }


def is_first(one: Record, among: Sequence[Record]) -> bool:
    """Whether a record is no repeat of an answer that stands before it."""
    same_id = [other for other in among if other.header(identity.ID) == one.header(identity.ID)]
    return same_id[0] is one


def check_hearing(home: Path, heard: Sequence[Record], turns: Sequence[Record]) -> None:
    """Each turn was understood as the graph by itself understands it."""
    model = declared.hearing(str(home))
    graph = loaded(model, home)
    for turn in turns:
        source = turn.header(identity.SOURCE)
        (record,) = [one for one in heard if place_of(one) == source]
        audio = Audio(
            record.topic, record.partition, record.offset, 0, record.key, record.value, ()
        )
        given = msgspec.json.decode(turn.bytes, type=declared.Understood)
        assert same(given, answer_to(model, graph, audio), 1e-4)


def check_speech(home: Path, said: Sequence[Record], spoken: Sequence[Record]) -> None:
    """Each reply was spoken as the voice by itself speaks it, in its style."""
    model = declared.voice(str(home))
    voice = loaded(model, home)
    for answer in spoken:
        source = answer.header(identity.SOURCE)
        (reply,) = [one for one in said if place_of(one) == source]
        text = Text(
            reply.topic, reply.partition, reply.offset, 0, reply.key, reply.value, reply.headers
        )
        due = answer_to(model, voice, text)
        assert same(msgspec.json.decode(answer.bytes, type=Speech), due, 1e-4)


def check_pieces(home: Path, heard: Sequence[Record], written: Sequence[Record]) -> None:
    """Each piece was written down as by a listener that nobody interrupts."""
    due = learnt(declared.calls(str(home)), heard)
    assert told(written, Transcript) == {place: one for place, one in due.items() if one}
    assert any(due.values())
