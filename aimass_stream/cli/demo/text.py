"""Support messages of known intent and entities; for some, feedback comes a while later."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from aimass_stream.cli.demo.acts import Accounts, Act, Item, share_of
from aimass_stream.kafka.sender import Place
from aimass_stream.records import ModelQuality, Prediction, Quality, Understanding
from aimass_stream.records.feedback import encode_feedback
from aimass_stream.records.text import encode_text
from aimass_stream.training.messages import INTENTS, Message, NearestWords, messages
from aimass_stream.verify.oracle import Watched

BROKEN_SHARE = 0.01
USERS = 200
LABELLED_SHARE = 0.5
"""Share of messages for which feedback comes at all."""
WRONG_SHARE = 0.05
"""Share of feedback that is wrong."""
FEEDBACK_FROM = 0.3
"""Share of the demo's time that passes before the first feedback."""
LATE_S = 1.0

_QUALITY_LOG = "aimass-demo.intent-quality.log"

_understanding = msgspec.json.Decoder(Understanding)
_prediction = msgspec.json.Decoder(Prediction)
_quality = msgspec.json.Decoder(Quality)


class TextAct(Act):
    """Messages; two models understand them at once, a head learns the same from feedback.

    Args:
        seconds: how long the demo streams.
        seed: of everything that is drawn.
    """

    topic = "text"
    share = 0.14
    watched = (
        Watched("understand", "text", "predictions.text"),
        Watched("intent-head.text", "text", "aimass-demo.intent-head.log"),
        Watched("intent-head.feedback", "feedback", "aimass-demo.intent-head.log"),
        Watched("recall", "aimass-demo.intent-head.log", "predictions.intents"),
        Watched("intent-quality.predictions.text", "predictions.text", _QUALITY_LOG),
        Watched("intent-quality.predictions.intents", "predictions.intents", _QUALITY_LOG),
        Watched("intent-quality.feedback", "feedback", _QUALITY_LOG),
        Watched("appraise", _QUALITY_LOG, "quality.intents"),
    )
    models = MappingProxyType(
        dict.fromkeys(("messages-intent", "messages-entities", "messages-encoder"), "messages")
    )

    def __init__(self, seconds: float, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - noise, no secret
        self._messages = messages("stream", seed=seed)
        self._seconds = seconds
        self._elapsed_s = 0.0
        self._sent: dict[Place, Message] = {}
        self._early: set[Place] = set()
        self._late: set[Place] = set()
        self._waiting: deque[tuple[float, Place, Message]] = deque()

    def next(self) -> Item:
        """The next message."""
        message = next(self._messages)
        key = f"user-{self._draw.randrange(USERS)}".encode()
        if self._draw.random() < BROKEN_SHARE:
            kind, value = self._break(message.text)
            return Item(self.topic, key, value, broken=kind)
        value, headers = encode_text(message.text)
        return Item(self.topic, key, value, headers, truth=message)

    def note(self, place: Place, item: Item) -> None:
        """Remember the message, and perhaps say later what it was."""
        if item.topic != self.topic:
            return
        self._sent[place] = item.truth
        if self._elapsed_s < FEEDBACK_FROM * self._seconds:
            self._early.add(place)
        elif self._elapsed_s > (1 - FEEDBACK_FROM) * self._seconds:
            self._late.add(place)
        if self._draw.random() < LABELLED_SHARE:
            self._waiting.append((self._elapsed_s + LATE_S, place, item.truth))

    def follow_up(self, elapsed_s: float) -> Iterable[Item]:
        """Feedback on earlier messages: late, some wrong, for many none."""
        self._elapsed_s = elapsed_s
        if elapsed_s < FEEDBACK_FROM * self._seconds:
            return
        while self._waiting and self._waiting[0][0] <= elapsed_s:
            _, (partition, offset), message = self._waiting.popleft()
            label = message.intent
            if self._draw.random() < WRONG_SHARE:
                label = self._draw.choice(INTENTS)
            record = f"{self.topic}/{partition}/{offset}"
            yield Item("feedback", record.encode(), encode_feedback(record, label))

    def judge(self, accounts: Accounts) -> dict[str, Any]:
        """What was understood, how right the head became, and what was said of both meanwhile."""
        answers = {
            place: _understanding.decode(answer)
            for place, answer in accounts["understand"].answers.items()
            if place in self._sent
        }
        return {
            "intent": self._judge_intents(answers),
            "entities": self._judge_entities(answers),
            "head": self._judge_head(accounts["recall"].roots),
            **self._said_live(accounts["appraise"].answers),
        }

    def _judge_intents(self, answers: Mapping[Place, Understanding]) -> dict[str, Any]:
        guesses = NearestWords().predict([self._sent[at].text for at in answers])
        guessed = sum(
            guess == self._sent[at].intent for guess, at in zip(guesses, answers, strict=True)
        )
        right = sum(found.intent.label == self._sent[at].intent for at, found in answers.items())
        return {
            "accuracy": share_of(right, len(answers)),
            "baseline_accuracy": share_of(guessed, len(answers)),
            "baseline_is": "nearest bag of words",
            "records": len(answers),
        }

    def _judge_entities(self, answers: Mapping[Place, Understanding]) -> dict[str, Any]:
        """Exact spans and kinds; the harmonic mean of precision and recall."""
        found = {
            (at, entity.label, entity.start, entity.end)
            for at, answer in answers.items()
            for entity in answer.entities
        }
        true = {
            (at, span.label, span.start, span.end)
            for at in answers
            for span in self._sent[at].entities
        }
        digits = {
            (at, "order", span.start, span.end)
            for at in answers
            for span in self._sent[at].entities
            if any(each.isdigit() for each in self._sent[at].text[span.start : span.end])
        }
        return {
            "f1": _f1(found, true),
            "baseline_f1": _f1(digits, true),
            "baseline_is": "whatever has digits is an order",
            "records": len(true),
        }

    def _judge_head(self, answers: Mapping[str, bytes]) -> dict[str, Any]:
        labels = [message.intent for message in self._sent.values()]
        most = max((labels.count(intent) for intent in INTENTS), default=0)
        return {
            "accuracy_before_feedback": self._head_accuracy(answers, self._early),
            "accuracy_after_feedback": self._head_accuracy(answers, self._late),
            "baseline": share_of(most, len(labels)),
            "baseline_is": "the most frequent intent",
            "records": len(self._early) + len(self._late),
        }

    def _said_live(self, answers: Mapping[Place, bytes]) -> dict[str, Any]:
        """What the application itself says of each version, by the feedback that it was given."""
        latest: dict[str, ModelQuality] = {}
        drifts: dict[str, list[str]] = {}
        for _, answer in sorted(answers.items()):
            said = _quality.decode(answer)
            latest |= {model.model: model for model in said.models}
            if said.drift is not None:
                for model in said.models:
                    drifts.setdefault(model.model, []).append(said.drift.reason)
        return {
            name: {
                "live_accuracy": model.accuracy,
                "baseline_live_accuracy": 1 - WRONG_SHARE,
                "baseline_is": "what of the feedback is right",
                "records": model.labelled,
                "of_late": msgspec.to_builtins(model),
                "drifts": drifts.get(name, []),
            }
            for name, model in latest.items()
        }

    def _head_accuracy(self, answers: Mapping[str, bytes], places: set[Place]) -> float | None:
        right = asked = 0
        for partition, offset in places:
            answer = answers.get(f"{self.topic}/{partition}/{offset}")
            if answer is not None:
                asked += 1
                label = _prediction.decode(answer).label
                right += label == self._sent[partition, offset].intent
        return share_of(right, asked)

    def _break(self, text: str) -> tuple[str, bytes]:
        kind = self._draw.choice(("empty", "blank", "latin", "surrogate", "long"))
        value = {
            "empty": b"",
            "blank": b" \n\t ",
            "latin": b"caf\xe9 " + text.encode("latin-1", errors="replace"),
            "surrogate": b'{"text": "\\ud800"}',
            "long": b"a" * 100_000,
        }[kind]
        return kind, value


def _f1(found: set[Any], true: set[Any]) -> float | None:
    if not found and not true:
        return None
    return round(2 * len(found & true) / (len(found) + len(true)), 4)
