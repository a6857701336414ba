"""A tiny tokenizer, and texts for it."""

from __future__ import annotations

from typing import Any

from aimass_stream.training.encoder import wordpiece

PHRASES = ["cat", "dog", "red lamp"]
SENTENCES = [
    "Where is my parcel? It was sent on Monday.",
    "please cancel order 1234-56 and refund me",
    "I live in Köln now, not in Paris",
    "我的包裹在哪里，请取消订单",
    "thank you, great service!",
    "a photo of a cat, a dog, a red lamp. This example is about it.",
    "question: who sent the parcel? context: the shop in Paris sent it on Monday.",
]


def tokenizer(most: int = 64) -> Any:
    """WordPiece over the sentences; Chinese characters are words of their own."""
    return wordpiece(SENTENCES * 2, 200, most)
