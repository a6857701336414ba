"""Tiny text models of random weights, as `save_pretrained` writes them."""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)

from aimass_stream.model import ModelSpec
from aimass_stream.records import Limits
from aimass_stream.training.encoder import wordpiece

SENTENCES = [
    "Where is my parcel? It was sent on Monday.",
    "please cancel order 1234-56 and refund me",
    "I live in Köln now, not in Paris",
    "我的包裹在哪里，请取消订单",
    "thank you, great service!",
]
TEXTS = [
    "refund",
    "Where is my parcel from Köln?",
    "我的包裹 in Paris 在哪里？ order 12-34!",
    "thank you " * 30,
    "e\u0301 🙂 \u202e ... a\0b",
    "please cancel order 1234-56 and refund me, I live in Paris now",
]
LABELS = {0: "refund", 1: "delivery", 2: "praise", 3: "other"}
TAGS = {0: "O", 1: "B-city", 2: "I-city", 3: "B-order", 4: "I-order"}
MAX_TOKENS = 64


def tokenizer() -> Any:
    """WordPiece over the sentences; Chinese characters are words of their own."""
    return wordpiece(SENTENCES * 2, 150, MAX_TOKENS)


def config(labels: dict[int, str]) -> BertConfig:
    torch.manual_seed(1)
    return BertConfig(
        vocab_size=200,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_TOKENS,
        initializer_range=0.5,
        id2label=labels,
    )


def build(kind: str, folder: Path) -> Path:
    """A model of the kind `classifier`, `tagger` or `encoder`."""
    model: Any
    if kind == "classifier":
        model = BertForSequenceClassification(config(LABELS))  # type: ignore[no-untyped-call]
    elif kind == "tagger":
        model = BertForTokenClassification(config(TAGS))  # type: ignore[no-untyped-call]
    else:
        model = BertModel(config(LABELS), add_pooling_layer=False)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def spec(folder: Path, limits: Limits | None = None, **options: Any) -> ModelSpec:
    return ModelSpec("m", "1", "", str(folder), options, limits=limits or Limits())
