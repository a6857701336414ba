"""The answer of a model that finds an answer within a text."""

from __future__ import annotations

import msgspec


class Span(msgspec.Struct, frozen=True):
    """The part of a context that answers a question.

    Attributes:
        text: the part, as it was sent; empty where the context holds no answer, which only
            models declared with `may_decline` say.
        start: its first character in the context, counted from 0.
        end: the character after its last.
        score: the probability of its first token times that of its last, 0 to 1.
    """

    text: str
    start: int
    end: int
    score: float
