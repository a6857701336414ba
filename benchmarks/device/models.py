"""Builds the models of the device row sets, with random weights: `KIND REGISTRY`.

What a model is worth does not matter here, what it costs does.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    ResNetConfig,
    ResNetForImageClassification,
)
from transformers.utils.logging import disable_progress_bar

from aimass_stream.registry.folder import publish
from aimass_stream.training.audio import small_whisper
from aimass_stream.training.classifier import square_processor
from benchmarks.device.inputs import MAX_TOKENS, SEED, words_of
from benchmarks.device.kinds import KINDS, LABELS

Parts = tuple[Any, Any]
"""A model and its tokenizer or processor."""

_NAMES: dict[str, Any] = {
    "id2label": dict(enumerate(LABELS)),
    "label2id": {n: i for i, n in enumerate(LABELS)},
}


def make_bert() -> Parts:
    """A BERT of 4 layers, 256 wide, and a tokenizer that knows the words of the texts."""
    tokenizer = make_tokenizer(words_of(np.random.default_rng(SEED)))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=1024,
        max_position_embeddings=MAX_TOKENS,
        pad_token_id=tokenizer.pad_token_id,
        **_NAMES,
    )
    return BertForSequenceClassification(config), tokenizer  # type: ignore[no-untyped-call]  # the library has no types


def make_tokenizer(words: Sequence[str], max_tokens: int = MAX_TOKENS) -> Any:
    """A WordPiece tokenizer to which each of these words is one token."""
    special = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    ids = {token: number for number, token in enumerate([*special.values(), *words])}
    made = Tokenizer(WordPiece(ids, unk_token="[UNK]"))  # noqa: S106 - a token of another kind
    made.normalizer = BertNormalizer()
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # the library has no types
        tokenizer_object=made, model_max_length=max_tokens, **special
    )


def make_resnet() -> Parts:
    """A ResNet-18 at 224 pixels."""
    config = ResNetConfig(
        embedding_size=64,
        hidden_sizes=[64, 128, 256, 512],
        depths=[2, 2, 2, 2],
        layer_type="basic",
        **_NAMES,
    )
    return ResNetForImageClassification(config), square_processor(224)  # type: ignore[no-untyped-call]  # the library has no types


def make_whisper() -> Parts:
    """An encoder of Whisper's kind over mel spectrograms of 2 s."""
    return small_whisper(LABELS, 2, width=128, layers=4)


MAKERS: Mapping[str, Callable[[], Parts]] = {
    "text": make_bert,
    "images": make_resnet,
    "audio": make_whisper,
}


def main() -> None:
    """Build the model of a kind and publish it."""
    kind, registry = KINDS[sys.argv[1]], Path(sys.argv[2])
    disable_progress_bar()  # type: ignore[no-untyped-call]  # the library has no types
    torch.manual_seed(0)
    model, processor = MAKERS[kind.name]()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        publish(registry, kind.model, Path(folder), task=kind.task, labels=LABELS)


if __name__ == "__main__":
    main()
