"""Fits on the stream propose versions that are in force nowhere until somebody says so."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner, Result

from aimass_stream.adapters.estimator import EstimatedClass
from aimass_stream.adapters.sklearn import Sklearn
from aimass_stream.cli.main import app
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import settings
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.learner import Event
from aimass_stream.learners.proposer import Proposer
from aimass_stream.records import Prediction, Proposal, Record
from aimass_stream.registry.candidates import lay_down
from aimass_stream.registry.folder import find, publish, resolve
from aimass_stream.registry.manifest import read_manifest
from aimass_stream.testing.learners import LEARNER_CHECKS, check_learner
from aimass_stream.training.fitting import fit
from aimass_stream.training.proposing import ProposerState
from aimass_stream.transforms import Chain, Impute
from tests.learners.cases import CHAIN, proposer
from tests.learners.events import homes


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose payloads and models are its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIMASS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("AIMASS_MODELS", str(tmp_path / "models"))
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def run(state: ProposerState, events: Sequence[Event], block: int = 8) -> dict[int, Proposal]:
    """What was proposed, by the record that was answered with it."""
    found = {}
    for first in range(0, len(events), block):
        inputs = [state.read(event) for event in events[first : first + block]]
        for at, answer in enumerate(state.score(inputs)):
            if answer is not None:
                found[first + at] = answer
        state.learn(inputs)
    return found


def state_of(declared: Proposer) -> ProposerState:
    return ProposerState(declared.settings)


@pytest.mark.parametrize("check", LEARNER_CHECKS)
def test_it_holds_to_the_laws_of_learners(check: str) -> None:
    check_learner(proposer(), homes(200, floors_from=90), only=[check])


def test_each_fit_is_proposed_once_and_selects_by_what_it_saw() -> None:
    found = run(state_of(proposer()), homes(200, floors_from=90))
    assert list(found) == [40, 80, 120, 160]
    assert [one.columns for one in found.values()] == [2, 2, 3, 3]
    assert found[120].ranges == {"homes/0": (60, 119)}
    assert {one.rows for one in list(found.values())[1:]} == {60}


def test_a_candidate_is_what_a_fit_writes_and_in_force_only_where_it_is_named(home: Path) -> None:
    events = homes(41)
    (proposal,) = run(state_of(proposer()), events).values()
    records = [Record("homes", 0, one.offset, 0, None, one.value, ()) for one in events[:40]]
    kinds = [orjson.loads(one.value)["kind"] for one in events[:40]]
    fit(home / "made", records, kinds, chain=CHAIN, estimator=LogisticRegression(random_state=0))
    by_hand = {path.name: path.read_bytes() for path in (home / "made").iterdir()}
    publish(home / "models", "homes", home / "made", task="classification")
    later = list(run(state_of(proposer()), homes(121, floors_from=0)).values())[-1]

    first = lay_down(home / "models", proposal, store(home))
    assert first.version == "1", "the same files are the same version"
    second = lay_down(home / "models", later, store(home))
    assert (second.id, second.is_candidate) == ("homes@2", True)
    assert lay_down(home / "models", later, store(home)) == second
    folder = home / "models" / "homes"
    assert {name: (folder / "1" / name).read_bytes() for name in by_hand} == by_hand

    model, named = (Sklearn("classification", f"models://homes{end}") for end in ("", "@2"))
    assert resolve(model, home / "models").version == "1"
    assert resolve(named, home / "models").version == "2"
    assert find(home / "models", "homes") == read_manifest(folder / "1")
    predictor = EstimatedClass(resolve(named, home / "models"), "cpu")
    (answer,) = predictor.predict([predictor.decode(events[1].value)])
    assert isinstance(answer, Prediction)
    assert answer.label == "house"


def test_where_there_are_only_candidates_one_must_be_named(home: Path) -> None:
    (proposal,) = run(state_of(proposer()), homes(41)).values()
    assert lay_down(home / "models", proposal, store(home)).id == "homes@1"
    with pytest.raises(ConfigError, match=r"only candidates.*models://homes@1"):
        resolve(Sklearn("classification", "models://homes"), home / "models")


def test_files_that_are_not_there_make_no_candidate(home: Path) -> None:
    (proposal,) = run(state_of(proposer()), homes(41)).values()
    Path(proposal.files["chain.json"].uri.removeprefix("file://")).unlink()
    with pytest.raises(SetupError, match=r"chain\.json of a proposal for homes"):
        lay_down(home / "models", proposal, store(home))
    outside = msgspec.structs.replace(proposal, files={"../x": proposal.files["estimator.json"]})
    with pytest.raises(SetupError, match="has a file"):
        lay_down(home / "models", outside, store(home))
    assert not (home / "models" / "homes").exists()


@pytest.mark.kafka
def test_what_lies_on_a_topic_is_laid_down_and_put_in_force_by_hand(
    home: Path, broker_url: str, topic_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMASS_BROKER", broker_url)
    found = run(state_of(proposer()), homes(121, floors_from=90))
    asyncio.run(send(broker_url, topic_name, [b"{}", *map(msgspec.json.encode, found.values())]))

    proposed = aimass("propose", topic_name)
    assert (proposed.exit_code, proposed.stdout) == (0, "homes@1\n"), proposed.output
    assert "60 records, 3 columns" in proposed.stderr
    assert re.search(r"homes +1 candidate +classification", aimass("list").stdout)
    (listed,) = json.loads(aimass("list", "--json").stdout)["models"]
    assert (listed["versions"], listed["candidates"]) == (["1"], ["1"])
    assert "candidate: in force only where it is named" in aimass("show", "homes").stdout

    assert aimass("promote", "homes").exit_code == 78
    promoted = aimass("promote", "homes@1")
    assert promoted.stdout == "homes@2\n", promoted.output
    assert 'Sklearn("classification", "models://homes@2")' in promoted.stderr
    assert aimass("promote", "homes@2").exit_code == 78
    assert resolve(Sklearn("classification", "models://homes"), home / "models").version == "2"
    assert aimass("propose", topic_name).stdout == "homes@2\n"


def store(home: Path) -> PayloadStore:
    folder = home / "state" / "payloads"
    return PayloadStore(folder, (folder.as_uri(),))


def aimass(*args: str) -> Result:
    return CliRunner().invoke(app, ["models", *args])


async def send(url: str, topic: str, values: Sequence[bytes]) -> None:
    plan = TopicPlan(topic, 1)
    await create_topics({"bootstrap_servers": bootstrap_servers(url)}, [plan], 1)
    async with Sender(url) as sender:
        for value in values:
            await sender.send(topic, value)


def test_one_class_proposes_nothing() -> None:
    flats = [event for event in homes(200) if b"flat" in event.value]
    assert run(state_of(proposer()), flats) == {}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"[]", Reason.BAD_ENVELOPE),
        (b'{"rooms": 1, "area": 2, "floors": 1}', Reason.BAD_ENVELOPE),
        (b'{"rooms": 1, "area": 2, "floors": 1, "kind": ["flat"]}', Reason.BAD_ENVELOPE),
        (b'{"rooms": "many", "area": 2, "floors": 1, "kind": "flat"}', Reason.BAD_ENVELOPE),
        (b'{"rooms": 1e99, "area": 2, "floors": 1, "kind": "flat"}', Reason.TRANSFORM_ERROR),
    ],
)
def test_a_record_that_cannot_be_learnt_costs_itself(value: bytes, reason: Reason) -> None:
    with pytest.raises(RecordError) as caught:
        state_of(proposer()).read(Event(0, "homes", 0, "homes/0/0", None, value))
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "told",
    [
        {"model": ""},
        {"chain": Chain(Impute())},
        {"chain": "variance"},
        {"estimator": ""},
        {"refit_records": 0},
    ],
)
def test_what_could_propose_nothing_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        proposer(**told)


def test_an_estimator_that_is_not_offered_is_refused() -> None:
    with pytest.raises(SetupError, match="not offered"):
        state_of(proposer(estimator="Birch"))
