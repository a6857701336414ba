"""What the faults of models go by: who is given what, what victims become, and calls counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from aimass_stream.errors import Reason
from aimass_stream.records import Behaviour, Example, Image, Record
from aimass_stream.runtime.injection_plan import Call, Kind, digest_of, short_id
from aimass_stream.verify.application import Application
from aimass_stream.verify.evidence import Evidence, Strikes
from aimass_stream.verify.faults.models import count_calls
from aimass_stream.verify.faults.overload import behind
from aimass_stream.verify.oracle import Account, Burial, Watched
from aimass_stream.verify.targets import Target, find_targets, one_a_topic

IMAGES = Image.examples(8)
EVENTS = Behaviour.examples(8)
OWN = Record.examples(8)


def application() -> Application:
    return Application(
        package="agents",
        id="app",
        folder=Path(),
        agents=[Watched("classify", "images", "labels"), Watched("sort", "own", None)],
        plans=[],
        inputs={"images": IMAGES, "events": EVENTS, "own": OWN},
        kinds={"images": "Image", "events": "Behaviour", "own": "SomethingOfTheirOwn"},
        checked=frozenset(),
        offers=frozenset(),
    )


def call(
    model: str,
    rows: Sequence[str],
    *,
    at_s: float = 0.0,
    learns: bool = False,
    struck: dict[str, Kind] | None = None,
) -> Call:
    return Call(at_s, 1, model, list(rows), struck or {}, learns)


def ids(topic: str, kind: type[Record], inputs: Sequence[Example], *, learns: bool) -> list[str]:
    target = Target("m@1", topic, kind, learns)
    return [short_id(target.digest(example)) for example in inputs]


def test_a_model_that_is_given_a_topics_payloads_is_a_target() -> None:
    calls = [
        call("digits@1", ids("images", Image, IMAGES[:5], learns=False)),
        call("digits@1", ids("images", Image, IMAGES[5:], learns=False)),
        call("usual@1", ids("events", Behaviour, EVENTS, learns=True), learns=True),
        call("theirs@1", [short_id(digest_of(example.value)) for example in OWN]),
        call("downstream@1", ["0123"]),
    ]
    found = find_targets(application(), calls)
    assert found == [
        Target("usual@1", "events", Behaviour, learns=True),
        Target("digits@1", "images", Image, learns=False),
        Target("theirs@1", "own", Record, learns=False),
    ]
    assert [target.model for target in one_a_topic(found, learns=False)] == ["digits@1", "theirs@1"]


def test_an_image_in_json_is_known_by_what_the_model_is_given() -> None:
    target = Target("digits@1", "images", Image, learns=False)
    payload = next(one.value for one in IMAGES if one.headers[0][1] == b"image/png")
    value, headers = Image.encode_json(payload)
    assert target.digest(Example(value, None, headers)) == digest_of(payload)


def evidence(burials: dict[tuple[int, int], Burial], failing: str = "") -> Evidence:
    accounts = {"classify": Account(burials=burials), "sort": Account()}
    victims = {"images/0/7": "digits@1"}
    return Evidence(
        app=application(),
        accounts=accounts,
        strikes=Strikes(),
        bad={},
        may_repeat={},
        victims=victims,
        failing=frozenset({failing}),
    )


def test_a_victim_is_to_be_dead_lettered_for_its_model_and_nobody_else_is() -> None:
    victim = Burial("images/0/7", "digits@1", Reason.MODEL_ERROR)
    assert evidence({(0, 7): victim}).unburied() == []
    assert evidence({(0, 7): victim}).dead_good() == {}
    other = Burial("images/0/7", "entities@1", Reason.MODEL_ERROR)
    assert evidence({(0, 7): other}).unburied() == ["images/0/7"]
    bystander = Burial("images/0/8", "digits@1", Reason.MODEL_ERROR)
    found = evidence({(0, 7): victim, (0, 8): bystander})
    assert found.dead_good() == {Reason.MODEL_ERROR: 1}
    assert evidence({(0, 8): bystander}, failing="digits@1").dead_good() == {}


def test_a_partition_is_behind_from_its_first_record_without_an_outcome_on() -> None:
    arrived = {(0, offset): 0 for offset in range(10)} | {(1, offset): 0 for offset in range(5)}
    fates = dict.fromkeys(arrived, "answered")
    ahead, held = Account(arrived_ms=arrived, fates=fates), Account()
    assert behind(application(), {"classify": ahead, "sort": held}) == 0
    del fates[0, 4], fates[0, 8]
    assert behind(application(), {"classify": ahead, "sort": held}) == 6


class Notes:
    """The part of a window that figures and problems go to."""

    def __init__(self) -> None:
        self.measured: dict[str, float] = {}
        self.problems: list[str] = []

    def measure(self, name: str, figure: float) -> None:
        self.measured[name] = figure

    def problem(self, text: str) -> None:
        self.problems.append(text)


@pytest.mark.parametrize(
    ("parts", "calls", "is_promised"),
    [
        (["abcdefgh", "abcd", "efgh", "ef", "e"], 5, True),
        # What was put back rides in ordinary batches once the culprit is found.
        (["abcdefgh", "abcd", "efgh", "ef", "e", "g", "fh"], 5, True),
        (["abcdefgh", *"abcdfghe"], 9, False),
        # Another batch, with a record from elsewhere, does not count.
        (["abcdefgh", "abcd", "efgh", "ef", "e", "xa"], 5, True),
    ],
)
def test_calls_within_the_failed_batch_are_counted(
    parts: list[str], calls: int, *, is_promised: bool
) -> None:
    made = [
        call("m@1", part, at_s=float(at), struck={"e": "raise"} if "e" in part else {})
        for at, part in enumerate(parts)
    ]
    notes = Notes()
    count_calls(notes, made[0], made)
    assert notes.measured == {"m_rows_of_batch": 8, "m_calls": calls}
    assert bool(notes.problems) is not is_promised
