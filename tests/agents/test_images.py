"""The reference application on a real worker: the fate of every form of image, good and bad."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.reader import Offsets, TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Place, Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Prediction, Record, identity
from aimass_stream.verify.oracle import Account, Oracle, Watched
from tests.agents.cases import CHAIN_ROOT, Case, make_cases
from tests.cli.commands import start_aimass

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(360)]

ROOT = Path(__file__).parents[2]
APP, AGENT, MODEL = "aimass-demo", "classify", "digits-resnet@1"
SOURCE, ANSWERS, LETTERS = "images", "predictions.images", dead_letters_topic(APP)
TOPICS = (SOURCE, ANSWERS, outcomes_topic(APP), LETTERS)
PARTITIONS = 4
DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What is on the topics after a worker has had every case.

    Attributes:
        places: where each case's record lies, by the case's name.
        answers: by source.
        letters: dead letters by source.
    """

    cases: dict[str, Case]
    places: dict[str, Place]
    sent_ms: int
    account: Account
    answers: dict[str, list[Record]]
    letters: dict[str, list[Record]]
    exit_code: int

    def source(self, name: str) -> str:
        """`aimass-source` of what a case's record causes."""
        partition, offset = self.places[name]
        return f"{SOURCE}/{partition}/{offset}"

    def root(self, name: str) -> str:
        """`aimass-root` of the same."""
        return CHAIN_ROOT if name == "chained" else self.source(name)

    def prediction(self, name: str) -> Prediction:
        """The one answer to a case."""
        (answer,) = self.answers[self.source(name)]
        return msgspec.json.decode(answer.bytes, type=Prediction)


@pytest.fixture(scope="module")
def ran(broker_url: str, models_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Every case through `aimass worker` once."""
    folder = tmp_path_factory.mktemp("agents")
    for name in ("claims", "elsewhere"):
        (folder / name).mkdir()
    env = {
        **os.environ,
        "AIMASS_BROKER": broker_url,
        "AIMASS_CLAIM_PREFIXES": f'["{(folder / "claims").as_uri()}/"]',
        "AIMASS_MODELS": str(models_folder),
        "AIMASS_PARTITIONS": str(PARTITIONS),
        "AIMASS_REPLICATION": "1",
        "AIMASS_STATE": str(folder / "state"),
    }
    cases = make_cases(folder / "claims", folder / "elsewhere")
    log = folder / "worker.log"
    worker = start_aimass("worker", env=env, cwd=ROOT, errors=log)
    try:
        return asyncio.run(run_cases(broker_url, cases, worker, log))
    finally:
        worker.kill()
        worker.communicate()


async def run_cases(url: str, cases: list[Case], worker: subprocess.Popen[str], log: Path) -> Ran:
    plans = [TopicPlan(topic, PARTITIONS) for topic in TOPICS]
    await create_topics({"bootstrap_servers": bootstrap_servers(url)}, plans, 1)
    async with TopicReader(url, TOPICS) as reader:
        since = await reader.end_offsets()
    sent_ms = int(time.time() * 1000) - 60_000
    async with Sender(url) as sender:
        sending = {
            case.name: await sender.send(
                SOURCE, case.value, key=case.key, headers=case.headers, timestamp_ms=sent_ms
            )
            for case in cases
        }
    places = {name: placed.result() for name, placed in sending.items()}
    watched = Watched(AGENT, SOURCE, ANSWERS)
    async with asyncio.timeout(DEADLINE_S), Oracle(url, APP, [watched], since) as oracle:
        account = oracle.accounts[AGENT]
        while len(account.arrived_ms) < len(cases) or not oracle.settled():
            await oracle.follow()
            assert worker.poll() is None, await asyncio.to_thread(log.read_text)
    worker.send_signal(signal.SIGTERM)
    exit_code = await asyncio.to_thread(worker.wait, DEADLINE_S)
    answers = await read_by_source(url, ANSWERS, since)
    letters = await read_by_source(url, LETTERS, since)
    by_name = {case.name: case for case in cases}
    return Ran(by_name, places, sent_ms, account, answers, letters, exit_code)


async def read_by_source(url: str, topic: str, since: Offsets) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    async with asyncio.timeout(DEADLINE_S), TopicReader(url, [topic]) as reader:
        reader.seek({place: offset for place, offset in since.items() if place[0] == topic})
        for place, end in (await reader.end_offsets()).items():
            while await reader.position(*place) < end:
                for chunk in await reader.poll():
                    for record in chunk.records(Record):
                        found.setdefault(record.header(identity.SOURCE) or "", []).append(record)
    return found


def assert_identity(record: Record, ran: Ran, case: Case) -> None:
    """What an answer and a dead letter have in common."""
    root = ran.root(case.name)
    assert record.partition == ran.places[case.name][0]
    assert record.key == case.key
    assert record.timestamp_ms == ran.sent_ms
    assert record.header(identity.SOURCE) == ran.source(case.name)
    assert record.header(identity.ROOT) == root
    assert record.header(identity.MODEL) == MODEL
    assert record.header(identity.ID) == identity.answer_id(root, AGENT, MODEL, 0)


def test_every_record_has_the_one_fate_it_should(ran: Ran) -> None:
    fates = {name: ran.account.fates.get(place) for name, place in ran.places.items()}
    assert fates == {name: case.fate for name, case in ran.cases.items()}
    assert ran.account.lost() == []
    assert ran.account.duplicated == 0
    assert ran.exit_code == 0


def test_a_bad_record_is_dead_lettered_with_its_reason(ran: Ran) -> None:
    reasons = {name: ran.account.dead.get(place, "") for name, place in ran.places.items()}
    assert reasons == {name: case.reason for name, case in ran.cases.items()}


def test_the_cases_prove_something(ran: Ran) -> None:
    assert {partition for partition, _ in ran.places.values()} == set(range(PARTITIONS))
    types = {value for case in ran.cases.values() for name, value in case.headers if case.label}
    assert types >= {b"image/jpeg", b"image/png", b"application/json"}


def test_an_answer_says_where_it_comes_from(ran: Ran) -> None:
    answered = [case for case in ran.cases.values() if case.fate == "answered"]
    assert set(ran.answers) == {ran.source(case.name) for case in answered}
    for case in answered:
        (answer,) = ran.answers[ran.source(case.name)]
        assert_identity(answer, ran, case)
        names = [name for name, _ in answer.headers]
        assert names == [identity.SOURCE, identity.ROOT, identity.MODEL, identity.ID]


def test_a_dead_letter_holds_the_record_as_it_was_and_why(ran: Ran) -> None:
    dead = [case for case in ran.cases.values() if case.fate == "dead_lettered"]
    assert set(ran.letters) == {ran.source(case.name) for case in dead}
    for case in dead:
        (letter,) = ran.letters[ran.source(case.name)]
        assert_identity(letter, ran, case)
        assert letter.value == case.value
        assert list(letter.headers)[: len(case.headers)] == case.headers
        assert letter.header(identity.AGENT) == AGENT
        assert letter.header(identity.REASON) == case.reason
        assert letter.header(identity.PAYLOAD) == "inline"
        assert letter.header(identity.ERROR)


def test_a_tombstone_leaves_nothing_but_its_outcome(ran: Ran) -> None:
    assert ran.source("tombstone") not in {*ran.answers, *ran.letters}


def test_digits_are_read(ran: Ran) -> None:
    labelled = [case for case in ran.cases.values() if case.name.startswith("raw ")]
    right = sum(ran.prediction(case.name).label == case.label for case in labelled)
    assert right >= len(labelled) - 3


@pytest.mark.parametrize("form", ["undeclared", "json", "claim", "chained"])
def test_the_form_of_an_image_changes_no_answer(ran: Ran, form: str) -> None:
    raw, other = ran.prediction("raw 0"), ran.prediction(form)
    assert 0 < raw.score == max(raw.scores.values()) <= 1
    assert other.label == raw.label
    assert list(other.scores) == list(raw.scores)
    assert other.score == pytest.approx(raw.score, abs=1e-4)
