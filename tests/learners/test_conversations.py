"""A message makes a prompt of what was said before under its key; a reply finds its message."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.conversations import Conversations
from aimass_stream.learners.conversations.state import ConversationsState
from aimass_stream.records import Generated, Limits, Prompt
from aimass_stream.testing.learners import stored
from tests.learners.events import NOON_MS


def chats(**settings: Any) -> ConversationsState:
    made = Conversations("c", replies="replies", message="[{text}]", reply="<{text}>", **settings)
    return ConversationsState(made.settings)


def message(number: int, text: str, key: bytes | None = b"anna") -> Event:
    return Event(number, "messages", NOON_MS + number, f"messages/0/{number}", key, text.encode())


def reply(number: int, to: int, text: str, key: bytes = b"anna") -> Event:
    value = msgspec.json.encode(Generated(text, "end", 1, 1))
    return Event(number, "replies", NOON_MS + number, f"messages/0/{to}", key, value)


def prompts(state: ConversationsState, *events: Event) -> list[Any]:
    found = []
    for event in events:
        one = state.read(event)
        (answer,) = state.score([one])
        state.learn([one])
        found.append(answer and answer.text)
    return found


def test_a_prompt_holds_what_was_said_and_ends_where_the_reply_begins() -> None:
    found = prompts(
        chats(opening="Hi. "), message(0, "one"), reply(1, 0, "eins"), message(2, "two")
    )
    assert found == ["Hi. [one]<", None, "Hi. [one]<eins>[two]<"]


def test_a_reply_stands_behind_its_message_however_late_it_comes() -> None:
    found = prompts(
        chats(), message(0, "one"), message(1, "two"), reply(2, 0, "eins"), message(3, "three")
    )
    assert found[-1] == "[one]<eins>[two][three]<"


def test_conversations_do_not_mix_and_replies_to_what_is_forgotten_count_for_nothing() -> None:
    state = chats(turns=2, keys=2)
    found = prompts(
        state,
        message(0, "one"),
        message(1, "hello", b"ben"),
        message(2, "two"),
        message(3, "three"),
        reply(4, 0, "eins"),
        message(5, "four"),
        reply(6, 7, "never", b"eve"),
        message(7, "hi", b"carl"),
        message(8, "again", b"ben"),
    )
    assert found[5] == "[three][four]<"
    assert found[1] == "[hello]<"
    assert found[8] == "[again]<"


def test_what_is_said_is_cut_and_filled_in_once() -> None:
    state = chats(turn_chars=7)
    found = prompts(state, message(0, "x{text}{text}"), reply(1, 0, "0123456789"), message(2, "x"))
    assert found[2] == "[x{text}]<0123456>[x]<"


def test_a_prompt_is_read_by_the_record_type_of_prompts() -> None:
    state = chats()
    (answer,) = state.score([state.read(message(0, "one"))])
    record = Prompt("prompts", 0, 0, 0, None, msgspec.json.encode(answer), ())
    record.check(Limits())
    assert record.text == "[one]<"


def test_a_snapshot_in_the_middle_changes_nothing() -> None:
    events = [message(0, "one"), reply(1, 0, "eins"), message(2, "two"), reply(3, 2, "zwei")]
    whole, half = chats(), chats()
    expected = prompts(whole, *events, message(4, "three"))
    prompts(half, *events[:2])
    other = chats()
    other.restore(stored(half.snapshot()))
    assert prompts(other, *events[2:], message(4, "three")) == expected[2:]


@pytest.mark.parametrize(
    "event", [message(0, "one", None), message(0, " \n"), Event(0, "replies", 0, "r", b"k", b"[]")]
)
def test_what_belongs_nowhere_is_refused(event: Event) -> None:
    with pytest.raises(RecordError) as refused:
        chats().read(event)
    assert refused.value.reason in {Reason.BAD_ENVELOPE, Reason.EMPTY}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"turns": 0}, "turns"),
        ({"keys": 0}, "keys"),
        ({"message": "no gap"}, "message"),
        ({"reply": "{text}{text}"}, "reply"),
        ({"replies": ""}, "replies"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Conversations("c", **{"replies": "replies", **settings})
