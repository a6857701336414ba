"""Entities in texts with transformers' token classifiers, in a device process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForTokenClassification

from aimass_stream.adapters.rows import in_order
from aimass_stream.adapters.transformers_text import Ids, TextModel, pack
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Entities, Entity

OUTSIDE = "O"
"""The label of what belongs to no entity."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A tokenised text that knows where its words lie.

    Attributes:
        text: as it was sent, control characters replaced by spaces.
        ids: `(tokens, 2)` int32.
        firsts: the first token of each word, `(words,)`.
        spans: first character of each word and the one after its last, `(words, 2)`.
    """

    text: str
    ids: Ids
    firsts: NDArray[np.int32]
    spans: NDArray[np.int32]


class EntityFinder(TextModel):
    """The `Predictor` of `Transformers("token-classification", ...)`.

    A word has the label of its first token; words in a row whose labels are of one kind make an
    entity, and `B-` begins a new one. Where the tokenizer separates Chinese characters, each is
    a word.

    Args:
        spec: the resolved declaration; options `max_tokens`, behind which nothing is looked at, and
            `engine`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: the folder holds no token classifier that can be loaded, or the engine
            answers otherwise than torch.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device, AutoModelForTokenClassification, "token classifier")
        names = self._model.config.id2label
        self._labels = [_split(str(names[row])) for row in sorted(names)]

    def decode(self, payload: bytes | memoryview) -> Passage:
        """A text in UTF-8 as tokens and words; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE or UNDECODABLE.
        """
        text, encoding = self._inputs.read(payload)
        return Passage(text, pack(encoding), *find_words(encoding))

    def predict(self, inputs: Sequence[Passage]) -> list[Entities | RecordError]:
        """The entities of each text, in the order of the inputs.

        A text whose scores are not all finite is a RecordError, INVALID_OUTPUT.
        """
        groups = self._inputs.groups([passage.ids for passage in inputs])
        return in_order(groups, [self._find([inputs[row] for row in rows]) for rows in groups])

    def _values(self, inputs: Sequence[Ids]) -> torch.Tensor:
        """Scores of each label, `(rows, tokens, labels)`."""
        with torch.inference_mode():
            logits: torch.Tensor = self._model(**self._inputs.batch(inputs, self._transfers)).logits
            return logits.float().softmax(dim=2).cpu()

    def _find(self, passages: Sequence[Passage]) -> list[Entities | RecordError]:
        scores = self._values([passage.ids for passage in passages]).numpy()
        return [
            self._entities(passage, of_text[passage.firsts])
            for passage, of_text in zip(passages, scores, strict=True)
        ]

    def _entities(self, passage: Passage, scores: NDArray[np.float32]) -> Entities | RecordError:
        if not np.isfinite(scores).all():
            return RecordError(Reason.INVALID_OUTPUT, "the model's scores are not all finite")
        best = scores.argmax(axis=1)
        labels = [self._labels[row] for row in best.tolist()]
        found = []
        for label, first, last in _runs(labels):
            start, end = int(passage.spans[first, 0]), int(passage.spans[last - 1, 1])
            sure = float(scores[np.arange(first, last), best[first:last]].mean())
            found.append(Entity(label, start, end, passage.text[start:end], sure))
        return Entities(found)


def find_words(encoding: Any) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Of a `tokenizers.Encoding`: the first token of each word, and the characters it spans.

    Special tokens belong to none.
    """
    firsts: list[int] = []
    spans: list[tuple[int, int]] = []
    before = None
    for token, (word, (start, end)) in enumerate(
        zip(encoding.word_ids, encoding.offsets, strict=True)
    ):
        if word is None or start == end:
            continue
        if word == before:
            spans[-1] = (spans[-1][0], end)
        else:
            firsts.append(token)
            spans.append((start, end))
        before = word
    return np.array(firsts, np.int32), np.array(spans, np.int32).reshape(-1, 2)


def _runs(labels: Sequence[tuple[str, bool]]) -> Iterator[tuple[str, int, int]]:
    """Label, first word and the word after the last of each entity."""
    first = 0
    for word in range(1, len(labels) + 1):
        if word < len(labels) and labels[word] == (labels[first][0], False):
            continue
        if labels[first][0] != OUTSIDE:
            yield labels[first][0], first, word
        first = word


def _split(name: str) -> tuple[str, bool]:
    """The kind that a label names, and whether it begins an entity."""
    if name.startswith(("B-", "I-")):
        return name[2:], name.startswith("B-")
    return name, False
