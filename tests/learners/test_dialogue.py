"""A dialogue asks for what it misses, one question a turn, and outlives a kill in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.dialogue import Dialogue, Form
from aimass_stream.learners.dialogue.state import DialogueState
from aimass_stream.records import Limits, Reply, Text
from aimass_stream.testing.learners import stored
from tests.learners.events import said_of

FORMS = {
    "track": Form(
        "Parcel {order} to {city} is late.", {"order": "Which one?", "city": "Where to?"}
    ),
    "hours": Form("We open at nine.", style="calm"),
}


def dialogue(**settings: Any) -> Dialogue:
    return Dialogue("talk", FORMS, **{"otherwise": "Again, please.", **settings})


def replies(state: DialogueState, events: Sequence[Event]) -> list[Reply]:
    found: list[Reply] = []
    for event in events:
        read = state.read(event)
        found += state.score([read])
        state.learn([read])
    return found


def talk(*turns: tuple[str, dict[str, str]], **settings: Any) -> list[Reply]:
    state = DialogueState(dialogue(**settings).settings)
    return replies(state, [said_of(at, *turn) for at, turn in enumerate(turns)])


def test_what_is_missing_is_asked_for_one_by_one_and_then_answered() -> None:
    found = talk(("track", {}), ("", {"order": "17"}), ("hours", {"city": "Rome"}), ("hours", {}))
    assert [one.text for one in found] == [
        "Which one?",
        "Where to?",
        "Parcel 17 to Rome is late.",
        "We open at nine.",
    ]
    assert [one.asks for one in found] == ["order", "city", "", ""]
    assert found[2].slots == {"order": "17", "city": "Rome"}
    assert [one.turn for one in found] == [1, 2, 3, 4]
    assert [one.style for one in found] == ["", "", "", "calm"]


def test_all_at_once_needs_no_question_and_the_next_talk_knows_nothing_of_it() -> None:
    found = talk(("track", {"city": "Rome", "order": "17", "name": "Bo"}), ("track", {}))
    assert [one.text for one in found] == ["Parcel 17 to Rome is late.", "Which one?"]
    assert found[0].slots == {"order": "17", "city": "Rome"}


def test_a_turn_that_fills_nothing_may_change_the_subject() -> None:
    found = talk(("track", {"order": "1"}), ("hours", {}), ("track", {}))
    assert [one.text for one in found] == ["Where to?", "We open at nine.", "Which one?"]


def test_what_is_not_understood_is_asked_again() -> None:
    found = talk(("", {}), ("dance", {}), ("track", {}), ("track", {}), ("", {"name": "Bo"}))
    assert [one.text for one in found] == ["Again, please."] * 2 + ["Which one?"] * 3


def test_an_intent_below_the_least_score_is_none() -> None:
    state = DialogueState(dialogue(least_score=0.9).settings)
    (reply,) = replies(state, [said_of(0, "hours", {}, score=0.89)])
    assert (reply.text, reply.intent) == ("Again, please.", "")
    (reply,) = replies(state, [said_of(1, "hours", {}, score=0.9)])
    assert reply.text == "We open at nine."


def test_speakers_do_not_mix_and_the_longest_silent_is_forgotten() -> None:
    state = DialogueState(dialogue(keys=2).settings)
    keys = ["a", "b", "a", "c", "b"]
    events = [said_of(at, "track", {"order": key}, key=key) for at, key in enumerate(keys)]
    found = replies(state, events)
    assert [one.slots["order"] for one in found] == keys
    assert [one.turn for one in found] == [1, 1, 2, 1, 1]
    assert [row[0] for row in state.snapshot().data["talks"]] == ["c", "b"]


def test_behind_a_pause_a_talk_begins_anew_and_a_late_turn_belongs_to_it() -> None:
    state = DialogueState(dialogue(pause_s=10).settings)
    first = said_of(0, "track", {}, after_ms=10_000)
    late = said_of(1, "", {"order": "1"}, after_ms=0)
    later = said_of(2, "", {"city": "Rome"}, after_ms=21_000)
    found = replies(state, [first, late, later])
    assert [one.text for one in found] == ["Which one?", "Where to?", "Again, please."]


def test_a_talk_goes_on_behind_a_restart() -> None:
    events = [
        said_of(0, "track", {}),
        said_of(1, "", {"order": "1"}),
        said_of(2, "", {"city": "R"}),
    ]
    expected = replies(DialogueState(dialogue().settings), events)
    first, second = DialogueState(dialogue().settings), DialogueState(dialogue().settings)
    replies(first, events[:2])
    second.restore(stored(first.snapshot()))
    assert replies(second, events[2:]) == expected[2:]
    other = Dialogue("talk", {"hours": FORMS["hours"]}, otherwise="What?")
    with pytest.raises(ValueError, match="track"):
        DialogueState(other.settings).restore(stored(first.snapshot()))


def test_a_reply_is_a_text_that_says_its_style() -> None:
    (reply,) = talk(("hours", {}))
    record = Text("replies", 0, 0, 0, None, msgspec.json.encode(reply), ())
    record.check(Limits())
    assert (record.text, record.metadata["style"]) == ("We open at nine.", "calm")


def test_what_a_speaker_says_is_not_read_as_a_template() -> None:
    (reply,) = talk(("track", {"order": "{city}", "city": "{0.__class__}"}))
    assert reply.text == "Parcel {city} to {0.__class__} is late."


@pytest.mark.parametrize("value", [b"", b"[]", b'{"intent": null}', b'{"words": 3}', b"\xff{"])
def test_what_is_no_turn_is_refused(value: bytes) -> None:
    state = DialogueState(dialogue().settings)
    event = msgspec.structs.replace(said_of(0, "hours", {}), value=value)
    with pytest.raises(RecordError) as caught:
        state.read(event)
    assert caught.value.reason is Reason.BAD_ENVELOPE


def test_an_overlong_turn_is_refused_before_it_is_read() -> None:
    state = DialogueState(dialogue().settings)
    value = b'{"words": ' + b" " * Limits().event_bytes
    event = msgspec.structs.replace(said_of(0, "hours", {}), value=value)
    with pytest.raises(RecordError) as caught:
        state.read(event)
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "forms",
    [
        {},
        {"a": Form("")},
        {"a": Form("for {order}")},
        {"a": Form("a {")},
        {"a": Form("yes", {"order": " "})},
        {"a": Form("{order.real}", {"order": "Which?"})},
    ],
)
def test_forms_that_make_no_sense_are_refused(forms: dict[str, Form]) -> None:
    with pytest.raises(ConfigError):
        Dialogue("talk", forms, otherwise="What?")


@pytest.mark.parametrize("settings", [{"keys": 0}, {"pause_s": 0}, {"least_score": 2}])
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dialogue(**settings)
    with pytest.raises(ConfigError, match="otherwise"):
        dialogue(otherwise=" ")
