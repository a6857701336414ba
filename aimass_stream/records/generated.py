"""The answer of a model that writes."""

from __future__ import annotations

from typing import Literal

import msgspec

Stop = Literal["end", "length"]
"""Why a model stopped: it had said all, or `max_new_tokens` were used up."""


class Generated(msgspec.Struct, frozen=True):
    """A text that a model wrote.

    Attributes:
        text: without the prompt and without special tokens.
        stop: why it ends.
        prompt_tokens: tokens that the model was given, special ones included.
        tokens: tokens that it wrote, one that ends the text included.
    """

    text: str
    stop: Stop
    prompt_tokens: int
    tokens: int
