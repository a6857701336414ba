"""What the GPU is given: models of ordinary size with random weights, in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aimass_stream import Image, Record, Text

DTYPE = "bfloat16"
LABELS = tuple("abcdefgh")


@dataclass(frozen=True)
class Kind:
    """One model and what it is given.

    Attributes:
        name: of its rows.
        task: of its model, as `Transformers` knows it.
        record: what holds an input.
        model: its name in the registry.
        records: how many a contestant is given.
        sizes: of the floor's batches: tokens when padded, or rows.
        draw: so many inputs, as files, drawn from a seed.
    """

    name: str
    task: str
    model: str
    record: type[Record]
    records: int
    sizes: Sequence[int]
    draw: Callable[[int], list[bytes]]


def _documents(count: int) -> list[bytes]:
    from benchmarks.device.inputs import draw_texts

    return draw_texts(count, median_tokens=160, mean_tokens=200, max_tokens=512)


def _messages(count: int) -> list[bytes]:
    from benchmarks.device.inputs import draw_texts

    return draw_texts(count)


def _photographs(count: int, distinct: int) -> list[bytes]:
    from benchmarks.device.inputs import draw_images

    drawn = draw_images(min(count, distinct), sizes=((256, 256),))
    return [drawn[number % len(drawn)] for number in range(count)]


_TOKENS = (8_192, 16_384, 32_768, 65_536)
_TEXTS: dict[str, Any] = {
    "task": "text-classification",
    "model": "bert-base",
    "record": Text,
    "sizes": _TOKENS,
}
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("documents", records=40_000, draw=_documents, **_TEXTS),
        Kind("messages", records=100_000, draw=_messages, **_TEXTS),
        Kind(
            "photographs",
            "image-classification",
            "resnet-50",
            Image,
            30_000,
            (32, 64, 128, 256, 512),
            partial(_photographs, distinct=1_000),
        ),
    )
}
"""BERT-base on documents (mean 200 tokens) and on messages (mean 32), ResNet-50 on JPEGs."""


def adapter_of(kind: Kind) -> str:
    """`module:Class` of the engine's own classifier."""
    name = "images:ImageClassifier" if kind.record is Image else "text:TextClassifier"
    return f"aimass_stream.adapters.transformers_{name}"
