"""The state of `Conversations`: the latest turns under each key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.conversations.declaration import Conversations
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.records import Generated, Limits, PromptText, Text
from aimass_stream.records.json_object import as_form, read_object

_LIMITS = Limits()
# A byte of text takes up to six in JSON: a control character is written as \u0001.
_ESCAPE_BYTES = 6


class Said(NamedTuple):
    """One event of the log.

    Attributes:
        key: whose conversation.
        root: of the message that was said or answered.
        text: cut to what is remembered.
        is_reply: whether a model said it.
    """

    key: str
    root: str
    text: str
    is_reply: bool


class Turn(NamedTuple):
    """A message, and what a model said to it.

    Attributes:
        root: of the message.
        message: as it was said.
        reply: None until there is one.
    """

    root: str
    message: str
    reply: str | None


Turns = tuple[Turn, ...]


class ConversationsState:
    """The `LearnerState` of `Conversations`. A turn takes up to twice `turn_chars`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._declared = Conversations("conversations", **settings)
        self._turns: OrderedDict[str, Turns] = OrderedDict()
        self._open = OpenBlock(dict[str, Turns], self._answer)

    def read(self, event: Event) -> Said:
        """A message, or a reply.

        Raises:
            RecordError: it is neither, or it has no key.
        """
        if event.key is None:
            raise RecordError(Reason.BAD_ENVELOPE, "without a key it belongs to no conversation")
        is_reply = event.topic == self._declared.replies
        text = _reply_text(event) if is_reply else _message_text(event)
        key = event.key.decode(errors="replace")
        return Said(key, event.root, text[: self._declared.turn_chars], is_reply)

    def score(self, inputs: Sequence[Said]) -> list[PromptText | None]:
        """The prompt that a message makes; None for a reply."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[Said]) -> None:
        """Remember what was said."""
        self._open.close()
        for said in inputs:
            turns = self._follow(self._turns.get(said.key, ()), said)
            if not turns:
                continue
            self._turns[said.key] = turns
            self._turns.move_to_end(said.key)
            if len(self._turns) > self._declared.keys:
                self._turns.popitem(last=False)

    def snapshot(self) -> Snapshot:
        """Every conversation, the longest silent first."""
        rows = [[key, [list(turn) for turn in turns]] for key, turns in self._turns.items()]
        return Snapshot({}, {"turns": rows})

    def restore(self, snapshot: Snapshot) -> None:
        """Have the conversations that were laid down."""
        self._turns = OrderedDict(
            (key, tuple(Turn(*turn) for turn in turns)) for key, turns in snapshot.data["turns"]
        )
        self._open.close()

    def _answer(self, ahead: dict[str, Turns], inputs: Sequence[Said]) -> list[PromptText | None]:
        answers: list[PromptText | None] = []
        for said in inputs:
            turns = ahead[said.key] = self._follow(
                ahead.get(said.key, self._turns.get(said.key, ())), said
            )
            answers.append(None if said.is_reply else PromptText(self._prompt(turns)))
        return answers

    def _follow(self, turns: Turns, said: Said) -> Turns:
        if not said.is_reply:
            return (*turns, Turn(said.root, said.text, None))[-self._declared.turns :]
        return tuple(
            turn._replace(reply=said.text) if turn.root == said.root else turn for turn in turns
        )

    def _prompt(self, turns: Sequence[Turn]) -> str:
        declared = self._declared
        written = [declared.opening]
        for turn in turns:
            written.append(declared.message.replace("{text}", turn.message))
            if turn.reply is not None:
                written.append(declared.reply.replace("{text}", turn.reply))
        written.append(declared.reply.partition("{text}")[0])
        return "".join(written)


def _message_text(event: Event) -> str:
    record = Text(event.topic, 0, event.offset, event.timestamp_ms, event.key, event.value, ())
    record.check(_LIMITS)
    return record.text


def _reply_text(event: Event) -> str:
    fields = read_object(event.value, _LIMITS.text_bytes * _ESCAPE_BYTES)
    return as_form(fields, Generated).text
