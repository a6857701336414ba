"""The state of `Dialogue`: the open form of each speaker."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from aimass_stream.errors import Reason, RecordError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.dialogue.declaration import Dialogue, Form
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.records import Entities, Limits, Prediction, Reply, Transcript

_SLOT_CHARS = 200
_LIMITS = Limits()


class _Form(msgspec.Struct):
    words: Transcript
    intent: Prediction | None = None
    slots: Entities | None = None


_decode = msgspec.json.Decoder(_Form).decode


class Said(NamedTuple):
    """One turn of a speaker.

    Attributes:
        key: whose it is.
        time_ms: event time.
        intent: what it is about; empty where that is not clear.
        found: what each name was last found to be in it.
    """

    key: str
    time_ms: int
    intent: str
    found: Mapping[str, str]


class Talk(msgspec.Struct, frozen=True):
    """What is known of a talk.

    Attributes:
        last_ms: event time of the latest turn.
        turns: how many there were.
        intent: of the form that is open; empty where none is.
        slots: of that form, as far as they are known.
    """

    last_ms: int
    turns: int = 0
    intent: str = ""
    slots: dict[str, str] = {}


class DialogueState:
    """The `LearnerState` of `Dialogue`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        forms = {intent: Form(**form) for intent, form in settings["forms"].items()}
        self._declared = Dialogue("dialogue", **{**settings, "forms": forms})
        self._talks: OrderedDict[str, Talk] = OrderedDict()
        self._open = OpenBlock(dict[str, Talk], self._answer)

    def read(self, event: Event) -> Said:
        """What was understood of a turn.

        Raises:
            RecordError: the value is not what a graph of speech answers, or too large.
        """
        if len(event.value) > _LIMITS.event_bytes:
            detail = f"{len(event.value)} bytes are more than the limit of {_LIMITS.event_bytes}"
            raise RecordError(Reason.TOO_LARGE, detail)
        try:
            form = _decode(event.value)
        except msgspec.MsgspecError as error:
            detail = f"a turn is JSON with words, intent and slots: {error}"
            raise RecordError(Reason.BAD_ENVELOPE, detail) from None
        intent = form.intent
        is_clear = intent is not None and intent.score >= self._declared.least_score
        entities = form.slots.entities if form.slots else []
        found = {one.label: one.text for one in entities if 0 < len(one.text) <= _SLOT_CHARS}
        key = "" if event.key is None else event.key.decode(errors="replace")
        label = intent.label if intent is not None and is_clear else ""
        return Said(key, event.timestamp_ms, label, found)

    def score(self, inputs: Sequence[Said]) -> list[Reply]:
        """What is said to each turn."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[Said]) -> None:
        """Remember where each talk stands."""
        self._open.close()
        for said in inputs:
            self._talks[said.key], _ = self._turn(self._talks.get(said.key), said)
            self._talks.move_to_end(said.key)
            if len(self._talks) > self._declared.keys:
                self._talks.popitem(last=False)

    def snapshot(self) -> Snapshot:
        """Every talk, the longest silent first."""
        talks = [[key, *msgspec.structs.astuple(talk)] for key, talk in self._talks.items()]
        return Snapshot({}, {"talks": [[*row[:-1], dict(row[-1])] for row in talks]})

    def restore(self, snapshot: Snapshot) -> None:
        """Have the talks that were laid down.

        Raises:
            ValueError: one is about something that is not declared.
        """
        talks = OrderedDict((key, Talk(*rest)) for key, *rest in snapshot.data["talks"])
        strange = {talk.intent for talk in talks.values()} - {"", *self._declared.forms}
        if strange:
            raise ValueError(f"it holds talks about {', '.join(sorted(strange))}")
        self._talks = talks
        self._open.close()

    def _answer(self, ahead: dict[str, Talk], inputs: Sequence[Said]) -> list[Reply]:
        replies = []
        for said in inputs:
            before = ahead.get(said.key) or self._talks.get(said.key)
            ahead[said.key], reply = self._turn(before, said)
            replies.append(reply)
        return replies

    def _turn(self, before: Talk | None, said: Said) -> tuple[Talk, Reply]:
        """The talk behind a turn, and what is said to it."""
        if before is None or said.time_ms - before.last_ms > self._declared.pause_s * 1000:
            before = Talk(said.time_ms)
        turns = before.turns + 1
        # A late turn does not turn a talk's time back.
        last_ms = max(said.time_ms, before.last_ms)
        intent, slots = self._form_behind(before, said)
        form = self._declared.forms.get(intent)
        if form is None:
            text = self._declared.otherwise
            return Talk(last_ms, turns), Reply(text, "", "", {}, "", turns)
        asks = next((name for name in form.needs if name not in slots), "")
        if asks:
            reply = Reply(form.needs[asks], form.style, intent, slots, asks, turns)
            return Talk(last_ms, turns, intent, slots), reply
        text = form.says.format_map(slots)
        return Talk(last_ms, turns), Reply(text, form.style, intent, slots, "", turns)

    def _form_behind(self, before: Talk, said: Said) -> tuple[str, dict[str, str]]:
        """The form that a turn is about, and what is known of it then."""
        filled = self._fitting(before.intent, said)
        if before.intent and (filled or said.intent not in self._declared.forms):
            return before.intent, {**before.slots, **filled}
        if said.intent == before.intent:
            return before.intent, before.slots
        return said.intent, self._fitting(said.intent, said)

    def _fitting(self, intent: str, said: Said) -> dict[str, str]:
        """What a turn tells of a form's slots."""
        form = self._declared.forms.get(intent)
        return {name: said.found[name] for name in form.needs if name in said.found} if form else {}
