"""The answer of a model that writes, and the parts in which it is told while it is written."""

from __future__ import annotations

from typing import Literal

import msgspec

Stop = Literal["end", "length", "stop"]
"""Why a model stopped: it had said all, the tokens it might write were used up, or it wrote a text
at which the record told it to stop."""


class Generated(msgspec.Struct, frozen=True):
    """A text that a model wrote.

    Attributes:
        text: without the prompt, without special tokens and without what it was to stop at.
        stop: why it ends.
        prompt_tokens: tokens that the model was given, special ones included.
        tokens: tokens that it wrote, what ends the text included.
    """

    text: str
    stop: Stop
    prompt_tokens: int
    tokens: int


class GeneratedPart(msgspec.Struct, frozen=True):
    """A piece of a text that is being written: no outcome, and no promise of one.

    The texts of an answer's parts, in order, are the answer's text.

    Attributes:
        seq: its number among the parts of one answer, from 0 on.
        text: what was written since the part before.
    """

    seq: int
    text: str
