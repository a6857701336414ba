"""Builds the models of the GPU's rows: `python -m benchmarks.gpu.models REGISTRY`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ResNetConfig,
    ResNetForImageClassification,
)
from transformers.utils.logging import disable_progress_bar

from aimass_stream.registry.folder import publish
from aimass_stream.training.classifier import square_processor
from benchmarks.device.inputs import SEED, words_of
from benchmarks.device.models import Parts, make_tokenizer
from benchmarks.gpu.kinds import KINDS, LABELS

_NAMES: dict[str, Any] = {
    "id2label": dict(enumerate(LABELS)),
    "label2id": {name: number for number, name in enumerate(LABELS)},
}


def make_bert() -> Parts:
    """BERT-base: 12 layers, 768 wide, 512 places."""
    tokenizer = make_tokenizer(words_of(np.random.default_rng(SEED)), max_tokens=512)
    config = BertConfig(vocab_size=30_522, pad_token_id=tokenizer.pad_token_id, **_NAMES)
    return BertForSequenceClassification(config), tokenizer  # type: ignore[no-untyped-call]  # the library has no types


def make_resnet() -> Parts:
    """ResNet-50 at 224 pixels."""
    return ResNetForImageClassification(ResNetConfig(**_NAMES)), square_processor(224)  # type: ignore[no-untyped-call]  # the library has no types


MAKERS: Mapping[str, Callable[[], Parts]] = {"bert-base": make_bert, "resnet-50": make_resnet}


def main() -> None:
    """Build the models and publish them."""
    disable_progress_bar()  # type: ignore[no-untyped-call]  # the library has no types
    registry = Path(sys.argv[1])
    for name, task in sorted({(kind.model, kind.task) for kind in KINDS.values()}):
        torch.manual_seed(0)
        model, processor = MAKERS[name]()
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            processor.save_pretrained(folder)
            publish(registry, name, Path(folder), task=task, labels=LABELS)


if __name__ == "__main__":
    main()
