"""The catalogue through a real broker and a real worker: every bad record costs itself alone."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Place, Sender
from aimass_stream.records import Record, identity
from aimass_stream.verify.oracle import Watched
from tests.bad_input import test_audio, test_behaviour, test_images, test_json, test_texts
from tests.bad_input.cases import Case, assert_discreet
from tests.bad_input.odd_records import send_compressed, send_renamed
from tests.delivery.harness import Harness, running_app
from tests.projects import leave_models_out

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
MESSAGE_BYTES = 900_000
GOOD = 30
PARTITIONS = 4
CODECS = ("gzip", "snappy", "lz4", "zstd")
OF_A_CODEC = 20

CATALOGUES: dict[str, list[Case]] = {
    "images": test_images.CASES,
    "audio": test_audio.CASES,
    "texts": test_texts.CASES,
    "behaviour": [*test_behaviour.CASES, *test_json.CASES],
}
GOOD_VALUES = {
    "images": test_images.smooth(),
    "audio": test_audio.constant(),
    "texts": b"Where is my parcel?",
    "behaviour": test_behaviour.click(),
}

TOPIC_CASES = {
    "null value (tombstone)": "quiet: neither an answer nor a dead letter",
    "null key": "read; the answer has none either",
    "null as a header's value": "read as empty",
    "header name that is not UTF-8": r"its bytes are written as `\xff`",
    "batch compressed with gzip": "read",
    "batch compressed with snappy": "read",
    "batch compressed with lz4": "read",
    "batch compressed with zstd": "read",
}
"""What only a topic can hold, and how it is read; the last test sends it."""


@dataclass(slots=True)
class Sent:
    """Where everything lies, by topic."""

    cases: dict[str, dict[Place, tuple[Case, bytes | None]]] = field(default_factory=dict)
    good: dict[str, list[Place]] = field(default_factory=dict)


async def send_catalogues(url: str, name: str) -> Sent:
    """Each case between good records."""
    sent = Sent()
    async with Sender(url) as sender:
        for part, cases in CATALOGUES.items():
            topic = f"{name}.{part}"
            built = [(case, case.make()) for case in cases]
            small = [(case, value) for case, value in built if len(value or b"") <= MESSAGE_BYTES]
            assert len(small) > 0.8 * len(cases)
            placed = [
                (case, value, await sender.send(topic, value, key=b"bad", headers=case.headers))
                for case, value in small
            ]
            good = [
                await sender.send(topic, GOOD_VALUES[part], key=b"good %d" % number)
                for number in range(GOOD)
            ]
            sent.cases[part] = {await place: (case, value) for case, value, place in placed}
            sent.good[part] = [await place for place in good]
    return sent


def watched(name: str, parts: list[str]) -> list[Watched]:
    return [Watched(part, f"{name}.{part}", f"{name}.{part}.answers") for part in parts]


def topics(name: str) -> dict[str, int]:
    parts = [*CATALOGUES, "plain"]
    every = [f"{name}.{part}{end}" for part in parts for end in ("", ".answers")]
    return dict.fromkeys(every, PARTITIONS)


@pytest.fixture
def env(
    worker_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A project without the repository's models, whose libraries take long to import."""
    leave_models_out(tmp_path)
    monkeypatch.chdir(tmp_path)
    return {**worker_env, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}


async def settle(harness: Harness, counts: dict[str, int]) -> None:
    """Follow until so many records of each agent are on its topic and have an outcome."""
    accounts = harness.oracle.accounts

    def settled() -> bool:
        return all(len(accounts[agent].fates) >= count for agent, count in counts.items())

    await harness.until(settled)
    await harness.until(lambda: settled() and harness.oracle.settled())


async def read_letters(url: str, topic: str) -> dict[str, Record]:
    """Every dead letter by its source."""
    letters: dict[str, Record] = {}
    async with asyncio.timeout(30), TopicReader(url, [topic]) as reader:
        for place, end in (await reader.end_offsets()).items():
            while await reader.position(*place) < end:
                for chunk in await reader.poll():
                    for record in chunk.records(Record):
                        source = record.header(identity.SOURCE) or ""
                        assert source not in letters, "two dead letters for one record"
                        letters[source] = record
    return letters


def holds_payload(letter: Record, value: bytes | None) -> bool:
    """Whether a dead letter's value is the record's, or a claim where that is large."""
    if letter.header(identity.PAYLOAD) == "claim":
        return letter.bytes.startswith(b'{"uri":"file:')
    return letter.value == value


async def test_every_bad_record_is_dead_lettered_and_nothing_else(
    broker_url: str, topic_name: str, env: dict[str, str], tmp_path: Path
) -> None:
    parts = list(CATALOGUES)
    async with running_app(
        "tests.bad_input.app",
        topic_name,
        broker_url,
        env,
        tmp_path,
        topics(topic_name),
        watched(topic_name, parts),
    ) as harness:
        sent = await send_catalogues(broker_url, topic_name)
        worker = harness.start_worker()
        await settle(harness, {part: len(sent.cases[part]) + GOOD for part in parts})
        assert worker.poll() is None
        assert await harness.stop(worker) == 0
        assert "died" not in harness.logs()
        letters = await read_letters(broker_url, dead_letters_topic(topic_name))
    due = 0
    for part in parts:
        account = harness.oracle.accounts[part]
        assert account.lost() == []
        assert all(account.fates[place] == "answered" for place in sent.good[part])
        for place, (case, value) in sent.cases[part].items():
            fate = "dead_lettered" if case.is_refused else "answered"
            assert (case.name, account.fates[place]) == (case.name, fate)
            if not case.is_refused:
                continue
            due += 1
            letter = letters[f"{topic_name}.{part}/{place[0]}/{place[1]}"]
            assert (case.name, letter.header(identity.REASON)) == (case.name, case.outcome)
            assert holds_payload(letter, value)
            assert_discreet(letter.header(identity.ERROR) or "")
    assert len(letters) == due


async def test_what_only_a_topic_can_hold_is_read(
    broker_url: str, topic_name: str, env: dict[str, str], tmp_path: Path
) -> None:
    async with running_app(
        "tests.bad_input.app",
        topic_name,
        broker_url,
        env,
        tmp_path,
        topics(topic_name),
        watched(topic_name, ["plain", "images"]),
    ) as harness:
        plain, images = f"{topic_name}.plain", f"{topic_name}.images"
        picture = GOOD_VALUES["images"]
        await send_odd_records(broker_url, plain)
        async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers(broker_url)) as producer:
            for value in (picture, b"no image"):
                await send_renamed(producer, images, value, b"caf\xe9", b"key")
            for name in ("content-type", "meta-user", identity.ROOT, identity.ID):
                await (await producer.send(images, picture, key=b"k", headers=[(name, None)]))
        worker = harness.start_worker()
        counts = {"plain": 4 + len(CODECS) * OF_A_CODEC, "images": 6}
        await settle(harness, counts)
        assert await harness.stop(worker) == 0
        letters = await read_letters(broker_url, dead_letters_topic(topic_name))
    read, seen = (harness.oracle.accounts[part].counts() for part in ("plain", "images"))
    assert read == {"in": counts["plain"], "answered": counts["plain"] - 1, "quiet": 1} | {
        "dead_lettered": 0
    }
    assert seen == {"in": 6, "answered": 5, "quiet": 0, "dead_lettered": 1}
    (letter,) = letters.values()
    assert letter.header(r"caf\xe9") == "1"


async def send_odd_records(url: str, topic: str) -> None:
    """One of each of `TOPIC_CASES`."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers(url)) as producer:
        await (await producer.send(topic, None, key=b"gone"))
        await (await producer.send(topic, b"x", key=None))
        await (await producer.send(topic, b"x", key=b"k", headers=[("n", None), ("", b"")]))
        await send_renamed(producer, topic, b"x", b"\xff\xfe", b"k")
    for codec in CODECS:
        await send_compressed(bootstrap_servers(url)[0], topic, codec, [b"x" * 100] * OF_A_CODEC)
