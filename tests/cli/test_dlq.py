"""`aimass dlq`: what a replay writes, and that it is noted."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aimass_stream.cli.main import app
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.errors import Reason, RecordError
from aimass_stream.kafka.dead_letters import dead_letter, dead_letters_topic
from aimass_stream.kafka.letters import read_letters
from aimass_stream.kafka.outcomes import Outcomes, encode, outcomes_topic
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.replays import replays_topic
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.survey import NeverRanError
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Chunk, Record, identity
from aimass_stream.runtime.handover import Failure
from aimass_stream.verify.oracle import Oracle, Watched
from tests.cli.commands import PNG, aimass, read_topic, start_aimass
from tests.runtime.helpers import until

# Of late: a broker drops what is older than its retention, by the time in the record.
THEN_MS = time.time_ns() // 1_000_000 - 3_600_000

AGENTS = """
import os
from collections.abc import AsyncIterator

from aimass_stream import App, Inline, Record, Stream, Topic
from tests.learning.learners import Fold, Folded

app = App("{name}")
source = Topic("{name}.source", Record)
answers = Topic("{name}.answers", bytes)
VERSION = os.environ.get("TEST_ECHO", "1")
fold = Fold("fold")


def double(chunk):
    if VERSION == "1" and any(value.startswith(b"bad") for value in chunk.values):
        raise ValueError("bad")
    return [value * 2 for value in chunk.values]


echo = Inline("echo", double, VERSION, answer=bytes)


@app.agent(source, to=answers)
async def repeat(stream: Stream[Record]) -> AsyncIterator[bytes]:
    async for record, answer in app.score(echo, stream):
        yield answer


@app.agent(Topic("{name}.events", Record), to=Topic("{name}.learnt", Folded))
async def study(stream: Stream[Record]) -> AsyncIterator[Folded]:
    async for event, folded in app.learn(fold, stream):
        yield folded
"""


@dataclass(frozen=True)
class Scene:
    """An app's folder and topics, with dead letters of records that lie on the source topic."""

    name: str
    url: str
    folder: Path
    env: Mapping[str, str]

    def dlq(self, *args: str, version: str = "1") -> subprocess.CompletedProcess[str]:
        return aimass("dlq", *args, env={**self.env, "TEST_ECHO": version}, cwd=self.folder)

    def start_worker(self) -> subprocess.Popen[bytes]:
        """A worker whose model can answer everything."""
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "aimass_stream.cli.worker_process", "agents"],
                env={**self.env, "TEST_ECHO": "2", "AIMASS_WEB_PORT": "17180"},
                cwd=self.folder,
                stderr=log,
            )

    async def records(self, topic: str) -> list[Record]:
        return await read_topic(self.url, f"{self.name}.{topic}")

    async def replays(self) -> list[dict[str, Any]]:
        records = await read_topic(self.url, replays_topic(self.name))
        return [json.loads(record.value or b"") for record in records]

    async def bury(
        self,
        *values: bytes,
        agent: str = "repeat",
        topic: str = "source",
        headers: Sequence[tuple[str, bytes]] = (("meta-a", b"1"),),
    ) -> None:
        """Send records to partition 1, and dead-letter each as a worker would."""
        store = PayloadStore(self.folder / "state" / "payloads")
        async with Sender(self.url) as sender:
            for value in values:
                sent = await sender.send(
                    f"{self.name}.{topic}",
                    value,
                    key=b"k",
                    headers=headers,
                    timestamp_ms=THEN_MS,
                    partition=1,
                )
                _, offset = await sent
                chunk = Chunk(
                    f"{self.name}.{topic}",
                    1,
                    [offset],
                    [THEN_MS],
                    [b"k"],
                    [value],
                    [headers],
                )
                error = RecordError(Reason.MODEL_ERROR, "ValueError: bad", "Traceback: bad")
                letter = dead_letter(agent, chunk, Failure(0, "echo@1", error), store.put)
                told = Outcomes(agent, chunk.topic, 1, offset, offset, [], [], [(offset, offset)])
                await sender.deliver({(dead_letters_topic(self.name), 1): [letter]})
                await (await sender.send(outcomes_topic(self.name), encode(told), partition=1))


@pytest.fixture
async def scene(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> Scene:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text(AGENTS.format(name=topic_name))
    own = (dead_letters_topic(topic_name), outcomes_topic(topic_name))
    names = [f"{topic_name}.{name}" for name in ("source", "answers", "events", "learnt")]
    client = {"bootstrap_servers": bootstrap_servers(broker_url)}
    await create_topics(client, [TopicPlan(name, 2) for name in (*own, *names)], 1)
    env = {**worker_env, "PYTHONPATH": str(Path(__file__).parents[2])}
    return Scene(topic_name, broker_url, tmp_path, env)


def test_a_replay_wants_a_filter() -> None:
    ended = CliRunner().invoke(app, ["dlq", "replay", "--again"])
    assert ended.exit_code == 2
    assert "--all" in ended.output


@pytest.mark.kafka
@pytest.mark.timeout(180)
class TestCommand:
    async def test_letters_are_counted_and_shown(self, scene: Scene) -> None:
        large = PNG + bytes(600 * 1024)
        await scene.bury(b"bad 1", large)
        counted = json.loads(scene.dlq("list", "--app-id", scene.name, "--json").stdout)
        assert counted["by"]["reason"] == {"model_error": 2}
        assert [row["letter"].rpartition("/")[2] for row in counted["rows"]] == ["1", "0"]
        shown = scene.dlq("show", f"{scene.name}.source/1/1", "--payload", "p.png")
        assert shown.returncode == 0, shown.stderr
        assert "Traceback: bad" in shown.stdout
        assert "(from the payload store)" in shown.stdout
        assert (scene.folder / "p.png").read_bytes() == large
        with pytest.raises(NeverRanError, match=rf"another app with --app-id: .*{scene.name}"):
            await read_letters(scene.url, f"{scene.name}x")

    async def test_records_go_back_to_their_topic_once(self, scene: Scene) -> None:
        large = bytes(600 * 1024)
        await scene.bury(b"bad 1", large)
        own = [(identity.ROOT, b"begin/0/4"), (identity.ID, b"own-id")]
        await scene.bury(b"bad 2", headers=own)
        dry = scene.dlq("replay", "--all", "--dry-run")
        assert (dry.returncode, dry.stdout.splitlines()[0]) == (0, "To replay: 3 letters.")
        assert len(await scene.records("source")) == 3
        done = scene.dlq("replay", "--model", "echo", "--reason", "model_error")
        assert done.returncode == 0, done.stderr
        told, hint = done.stdout.splitlines()
        assert told == "Replayed 3 letters: 3 sent to where they came from."
        assert "dlq list" in hint
        records = await scene.records("source")
        assert [r.value for r in records[3:]] == [b"bad 1", large, b"bad 2"]
        assert {(r.partition, r.key, r.timestamp_ms) for r in records} == {(1, b"k", THEN_MS)}
        again, chained = records[3], records[5]
        assert (again.header("meta-a"), again.root) == ("1", f"{scene.name}.source/1/0")
        assert dict(chained.headers) == dict(own)
        audits = await scene.replays()
        assert [audit["to"] for audit in audits] == [
            f"{scene.name}.source/1/{offset}" for offset in (3, 4, 5)
        ]
        assert audits[0]["letters"] == [f"{scene.name}.dead_letters/1/0"]
        assert audits[0]["picked_by"] == ["--reason model_error", "--model echo"]
        assert "@" in audits[0]["by"]
        rerun = scene.dlq("replay", "--all")
        assert "Replayed before: 3 letters" in rerun.stderr
        assert len(await scene.records("source")) == 6

    async def test_an_answer_to_a_replay_has_the_id_it_would_have_had(self, scene: Scene) -> None:
        await scene.bury(b"bad")
        assert scene.dlq("replay", "--id", "1/0").returncode == 0
        worker = scene.start_worker()
        try:
            async with Oracle(
                scene.url,
                scene.name,
                [Watched("repeat", f"{scene.name}.source", f"{scene.name}.answers")],
            ) as oracle:
                account = oracle.accounts["repeat"]
                while list(account.fates.values()) != ["answered", "answered"]:
                    await oracle.follow()
                    assert worker.poll() is None, (scene.folder / "log").read_text()
        finally:
            worker.send_signal(signal.SIGTERM)
            await asyncio.to_thread(worker.wait, 60)
        # The record itself and its replay, both read by a worker that can answer them.
        first, second = await scene.records("answers")
        assert first.header(identity.SOURCE) != second.header(identity.SOURCE)
        assert first.header(identity.ID) == second.header(identity.ID)

    async def test_an_agent_answers_its_letters_with_the_model_that_was_chosen(
        self, scene: Scene
    ) -> None:
        await scene.bury(b"bad 0", b"bad 1")
        other = scene.dlq("replay", "--all", "--to-model", "other@1", version="2")
        assert (other.returncode, other.stdout.splitlines()[-1]) == (78, "Not yet replayed: 2.")
        assert "scores no model of the name other" in other.stderr
        dry = scene.dlq("replay", "--all", "--to-model", "echo@3", "--dry-run", version="2")
        assert (dry.returncode, dry.stdout) == (78, "")
        assert "The app declares echo@2, so echo@3 cannot be had here" in dry.stderr
        failed = scene.dlq("replay", "--id", "1/0", "--to-model", "echo@1")
        assert failed.returncode == 1, failed.stderr
        assert "1 dead-lettered again" in failed.stdout
        done = scene.dlq("replay", "--agent", "repeat", "--to-model", "echo@2", version="2")
        assert done.returncode == 0, done.stderr
        assert done.stdout == "Replayed 2 letters with echo@2: 2 answered.\n"
        answers = {r.value: r for r in await scene.records("answers")}
        assert set(answers) == {b"bad 0bad 0", b"bad 1bad 1"}
        source = f"{scene.name}.source/1/0"
        answer = answers[b"bad 0bad 0"]
        assert answer.header(identity.SOURCE) == source
        assert answer.header(identity.ID) == identity.answer_id(source, "repeat", "echo@2", 0)
        assert (answer.partition, answer.timestamp_ms) == (1, THEN_MS)
        outcomes = [(audit["to"], audit["outcome"]) for audit in await scene.replays()]
        assert sorted(outcomes) == [
            ("echo@1", "dead_lettered"),
            ("echo@2", "answered"),
            ("echo@2", "answered"),
        ]
        watched = Watched("repeat", f"{scene.name}.source", f"{scene.name}.answers")
        async with Oracle(scene.url, scene.name, [watched]) as oracle:
            await oracle.catch_up()
        account = oracle.accounts["repeat"]
        assert set(account.fates.values()) == {"answered"}
        assert (account.lost(), account.differing) == ([], 0)

    async def test_an_agent_that_learns_is_refused(self, scene: Scene) -> None:
        await scene.bury(b"event", agent="study", topic="events")
        ended = scene.dlq("replay", "--agent", "study", "--to-model", "fold@1")
        assert ended.returncode == 78
        assert "learns only in the order of its log" in ended.stderr
        assert await scene.records("learnt") == []

    async def test_ctrl_c_finishes_what_is_in_hand(self, scene: Scene) -> None:
        await scene.bury(*[b"bad %d" % number for number in range(3)])
        slow = scene.folder / "agents" / "__init__.py"
        slow.write_text(
            slow.read_text().replace(
                "        yield answer\n",
                "        import asyncio, pathlib\n"
                "        pathlib.Path('begun').touch()\n"
                "        while not pathlib.Path('go-on').exists():\n"
                "            await asyncio.sleep(0.01)\n"
                "        yield answer\n",
            )
        )
        process = start_aimass(
            "dlq", "replay", "--all", "--to-model", "echo@2",
            env={**scene.env, "TEST_ECHO": "2"}, cwd=scene.folder,
        )  # fmt: skip
        await until((scene.folder / "begun").exists, "an answer", timeout_s=60)
        process.send_signal(signal.SIGINT)
        (scene.folder / "go-on").touch()
        said = await asyncio.to_thread(process.communicate)
        assert process.returncode == 130, said[0]
        assert "Replayed 3 letters with echo@2: 3 answered." in said[0]
        assert len(await scene.replays()) == 3
