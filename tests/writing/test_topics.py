"""From a message to its reply: in parts beside it, with what was said before, across a kill."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from aimass_stream.kafka.reader import TopicReader
from aimass_stream.kafka.sender import Sender
from aimass_stream.records import Generated, GeneratedPart, PromptText, Record, identity
from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import Harness, running_app
from tests.writing.scribe import HOLD_FILE, WORDS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
DEADLINE_S = 400.0
PARTITIONS = 2


@pytest.fixture
def env(worker_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A project without declarations of its own."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    hold = str(tmp_path / "hold")
    return {**worker_env, HOLD_FILE: hold, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}


@contextmanager
def held(env: Mapping[str, str]) -> Iterator[None]:
    """Replies stand in their middle for as long as the block runs."""
    file = Path(env[HOLD_FILE])
    file.touch()
    try:
        yield
    finally:
        file.unlink()


async def read(url: str, topic: str) -> list[Record]:
    """Every record of a topic, in order within each partition."""
    found: list[Record] = []
    async with TopicReader(url, [topic]) as reader:
        for place, end in (await reader.end_offsets()).items():
            while await reader.position(*place) < end:
                for chunk in await reader.poll():
                    found += chunk.records(Record)
    return found


async def read_at_least(harness: Harness, url: str, topic: str, count: int) -> list[Record]:
    """Read a topic again and again until it holds so many records."""
    found: list[Record] = []
    while len(found) < count:
        await harness.oracle.follow(timeout_ms=50)
        assert any(worker.poll() is None for worker in harness.workers), harness.logs()
        found = await read(url, topic)
    return found


async def say(url: str, name: str, text: bytes) -> None:
    async with Sender(url) as sender:
        await (await sender.send(f"{name}.messages", text, key=b"anna"))


def check_parts(parts: list[Record], replies: list[Record]) -> None:
    """Parts of a reply, repeats dropped by their ids, are its text; repeats say the same.

    A prompt may be written again after a kill, so a repeat may have another source.
    """
    by_id: dict[str | None, Record] = {}
    for part in parts:
        answer_id = part.header(identity.ID)
        assert by_id.setdefault(answer_id, part).value == part.value
    assert not by_id.keys() & {reply.header(identity.ID) for reply in replies}
    for reply in replies:
        own = [
            msgspec.json.decode(part.bytes, type=GeneratedPart)
            for part in by_id.values()
            if part.header(identity.ROOT) == reply.header(identity.ROOT)
        ]
        own.sort(key=lambda part: part.seq)
        assert [part.seq for part in own] == list(range(len(own)))
        text = msgspec.json.decode(reply.bytes, type=Generated).text
        assert "".join(part.text for part in own) == text
        assert len(own) > 10


async def test_a_conversation_is_told_in_parts_and_outlives_a_kill(
    broker_url: str, topic_name: str, env: dict[str, str], tmp_path: Path
) -> None:
    log = f"{topic_name}.chats.log"
    names = [f"{topic_name}.{end}" for end in ("messages", "prompts", "replies", "parts")]
    watched = [
        Watched("remember", log, f"{topic_name}.prompts"),
        Watched("write", f"{topic_name}.prompts", f"{topic_name}.replies"),
    ]
    topics = {**dict.fromkeys(names, PARTITIONS), log: 1}
    async with running_app(
        "tests.writing.app", topic_name, broker_url, env, tmp_path, topics, watched
    ) as harness:
        harness.cwd = tmp_path
        await say(broker_url, topic_name, b"where is it")
        worker = harness.start_worker()
        # The message, which makes a prompt, and the reply that came of it.
        learnt = harness.oracle.accounts["remember"].fates
        await harness.until(lambda: len(learnt) >= 2, DEADLINE_S)
        parts = await read_at_least(harness, broker_url, f"{topic_name}.parts", 1)
        with held(env):
            await say(broker_url, topic_name, b"and now")
            await read_at_least(harness, broker_url, f"{topic_name}.parts", len(parts) + 1)
            await harness.stop(worker, signal.SIGKILL)
        assert len(await read(broker_url, f"{topic_name}.replies")) == 1

        worker = harness.start_worker()
        replies = await read_at_least(harness, broker_url, f"{topic_name}.replies", 2)
        await harness.until(harness.oracle.settled, DEADLINE_S)
        assert await harness.stop(worker) == 0
        told = {reply.header(identity.ID): reply for reply in replies}
        first, _second = sorted(told.values(), key=lambda reply: reply.offset)
        assert len(told) == 2
        for reply in told.values():
            answer = msgspec.json.decode(reply.bytes, type=Generated)
            assert (answer.tokens, answer.stop) == (WORDS, "length")
        check_parts(await read(broker_url, f"{topic_name}.parts"), list(told.values()))
        prompts = [
            msgspec.json.decode(record.bytes, type=PromptText).text
            for record in await read(broker_url, f"{topic_name}.prompts")
        ]
        said = msgspec.json.decode(first.bytes, type=Generated).text[:40]
        assert set(prompts) == {"q where is it a ", f"q where is it a {said} q and now a "}
        assert harness.oracle.accounts["write"].counts()["dead_lettered"] == 0
