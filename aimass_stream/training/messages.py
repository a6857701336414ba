"""Support messages of known intent and entities: what the demo streams and its models learn from.

A small grammar in English and Chinese, with misspellings, messages of two intents of which one
counts, and thanks that are no praise. Phrases are in one split only, products and cities partly;
order numbers, dates and amounts are drawn anew each time. No model library is needed here, so a
generator starts quickly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aimass_stream.training.message_phrases import STREAM, TRAIN
from aimass_stream.training.message_words import CITIES, CLOSINGS, DETAILS, OPENINGS, PRODUCTS

Split = Literal["train", "stream"]

INTENTS = tuple(TRAIN)
"""What a message may want, in the order of a model's outputs."""
KINDS = ("order", "product", "city", "date", "amount")
"""What a message may speak of."""
NOISE = 0.1
"""Share of words that are misspelt, and of messages that have two intents."""

_CHINESE = 0.2
_MADE_UP = 0.6
"""Share of names in training that are made up, so that their surroundings are learnt."""
_STARTS = (*"bcdfghklmnprstvwz", "ch", "gr", "sh", "st", "th", "br")
_ENDS = ("", "", "", *"klmnrst", "ck", "nd", "ng")
_PHRASES = {"train": TRAIN, "stream": STREAM}
_PART = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[A-Za-z0-9']+|[^\x00-\x7f]")
_MONTHS = ("January", "March", "April", "May", "June", "July", "August", "October", "December")


@dataclass(frozen=True, slots=True)
class Span:
    """An entity that was put into a message.

    Attributes:
        label: one of `KINDS`.
        start: its first character.
        end: the character after its last.
    """

    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message and what is true of it.

    Attributes:
        text: what is sent.
        intent: one of `INTENTS`.
        entities: in the order of the text.
    """

    text: str
    intent: str
    entities: tuple[Span, ...]


def messages(split: Split, *, noise: float = NOISE, seed: int = 0) -> Iterator[Message]:
    """Messages without end; intents come equally often. The same arguments give the same.

    Args:
        split: `train` or `stream`; no phrase is in both.
        noise: share of words misspelt, and of messages with two intents; 0 leaves them clean.
        seed: of everything that is drawn.
    """
    maker = _Maker(split, noise, np.random.default_rng(seed))
    while True:
        yield maker.make()


class _Maker:
    def __init__(self, split: Split, noise: float, draw: np.random.Generator) -> None:
        self._split: Split = split
        self._noise = noise
        self._draw = draw

    def make(self) -> Message:
        chinese = bool(self._draw.random() < _CHINESE)
        wanted = [self._pick(INTENTS)]
        if self._draw.random() < self._noise:
            wanted.append(self._pick(INTENTS))
        parts = [self._phrase(intent, chinese) for intent in wanted]
        if self._draw.random() < 0.3:
            parts.append(self._pick(DETAILS[chinese]))
        if self._draw.random() < 0.3:
            parts.insert(0, self._pick(OPENINGS[chinese]))
        if self._draw.random() < 0.3:
            parts.append(self._pick(CLOSINGS[chinese]))
        stops = ("，", "。", "！", " ") if chinese else (", ", ". ", "! ", " - ", "; ")
        template = parts[0]
        for part in parts[1:]:
            template += self._pick(stops) + part
        template += self._pick(("", "", "。", "？") if chinese else ("", "", ".", "?", "!"))
        text, entities = self._fill(template, chinese)
        # Which of two intents counts, nobody can know.
        return Message(text, self._pick(wanted), entities)

    def _phrase(self, intent: str, chinese: bool) -> str:  # noqa: FBT001 - which of two columns
        phrases = _PHRASES[self._split][intent]
        return self._pick([one for one in phrases if one.isascii() != chinese])

    def _fill(self, template: str, chinese: bool) -> tuple[str, tuple[Span, ...]]:  # noqa: FBT001 - a language of two
        """The text of a template, misspelt between its entities."""
        text, entities = "", []
        lower = self._draw.random() < 0.3
        for place, part in enumerate(_PART.split(template)):
            if place % 2 == 0:
                text += self._misspell(part.lower() if lower else part)
                continue
            filled = self._entity(part, chinese)
            filled = filled.lower() if lower and part == "product" else filled
            entities.append(Span(part, len(text), len(text) + len(filled)))
            text += filled
        return text, tuple(entities)

    def _entity(self, kind: str, chinese: bool) -> str:  # noqa: FBT001 - a language of two
        if kind in {"product", "city"}:
            names = (PRODUCTS if kind == "product" else CITIES)[self._split][chinese]
            made_up = self._split == "train" and self._draw.random() < _MADE_UP
            return self._make_up(names, chinese) if made_up else self._pick(names)
        if kind == "order":
            return self._order()
        return self._date(chinese) if kind == "date" else self._amount(chinese)

    def _make_up(self, names: Sequence[str], chinese: bool) -> str:  # noqa: FBT001 - a language of two
        """A name that is none, of parts of names and of syllables."""
        if chinese:
            return "".join(self._pick(self._pick(names)) for _ in range(self._number(2, 3)))
        word = "".join(
            self._pick(_STARTS) + self._pick("aeiou") + self._pick(_ENDS)
            for _ in range(self._number(1, 3))
        )
        word = word.capitalize() if names[0][0].isupper() else word
        known = self._pick(self._pick(names).split())
        return self._pick((word, f"{word} {known}", f"{known} {word}", f"{known} {known}"))

    def _order(self) -> str:
        number = self._number(10_000, 9_999_999)
        return self._pick((f"{number}", f"A-{number}", f"#{number}", f"{number}-{number % 97:02}"))

    def _date(self, chinese: bool) -> str:  # noqa: FBT001 - a language of two
        month, day = self._number(1, 12), self._number(1, 28)
        if chinese:
            return f"{month}月{day}日"
        name = self._pick(_MONTHS)
        return self._pick((f"{day} {name}", f"{name} {day}", f"2026-{month:02}-{day:02}"))

    def _amount(self, chinese: bool) -> str:  # noqa: FBT001 - a language of two
        whole, cents = self._number(5, 900), self._number(0, 99)
        if chinese:
            return self._pick((f"{whole}元", f"{whole}.{cents:02}元"))
        return self._pick((f"${whole}", f"{whole} euros", f"${whole}.{cents:02}", f"{whole} EUR"))

    def _misspell(self, text: str) -> str:
        if not self._noise:
            return text
        return _WORD.sub(
            lambda found: self._spoil(found[0]) if self._draw.random() < self._noise else found[0],
            text,
        )

    def _spoil(self, word: str) -> str:
        """A letter lost, doubled, swapped with the next, or another; short words stay."""
        if len(word) < 4:
            return word
        at, kind = self._number(0, len(word) - 2), self._number(0, 3)
        if kind == 0:
            return word[:at] + word[at + 1 :]
        if kind == 1:
            return word[: at + 1] + word[at:]
        if kind == 2:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return word[:at] + chr(ord("a") + self._number(0, 25)) + word[at + 1 :]

    def _number(self, low: int, high: int) -> int:
        return int(self._draw.integers(low, high + 1))

    def _pick(self, choices: Sequence[str]) -> str:
        return choices[self._number(0, len(choices) - 1)]


class NearestWords:
    """The obvious baseline: the intent whose mean bag of words is nearest, by rare words first.

    Args:
        noise: noise of the messages it is made from.
        rows: how many messages.
    """

    def __init__(self, *, noise: float = NOISE, rows: int = 2000) -> None:
        made = messages("train", noise=noise)
        learnt = [next(made) for _ in range(rows)]
        every = sorted({word for one in learnt for word in _words(one.text)})
        self._places = {word: place for place, word in enumerate(every)}
        self._weights = np.ones(len(every))
        counts = self._bags([one.text for one in learnt])
        self._weights = np.log(rows / (1 + (counts > 0).sum(axis=0))) + 1
        bags = self._bags([one.text for one in learnt])
        intents = np.array([INTENTS.index(one.intent) for one in learnt])
        self._means = np.stack([bags[intents == row].mean(axis=0) for row in range(len(INTENTS))])

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The intent of each text."""
        lengths = np.linalg.norm(self._means, axis=1)
        near = self._bags(texts) @ self._means.T / lengths
        return [INTENTS[row] for row in near.argmax(axis=1)]

    def _bags(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Weighted counts of the known words, `(texts, words)`, rows of unit length."""
        bags = np.zeros((len(texts), len(self._places)))
        for row, text in enumerate(texts):
            for word in _words(text):
                place = self._places.get(word)
                if place is not None:
                    bags[row, place] += self._weights[place]
        lengths = np.linalg.norm(bags, axis=1, keepdims=True)
        return bags / np.where(lengths == 0, 1, lengths)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
