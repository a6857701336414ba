"""The demo's text models: what a message wants, what it speaks of, and messages as vectors."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import ModernBertForTokenClassification

from aimass_stream.adapters.transformers_embeddings import SentenceEncoder
from aimass_stream.adapters.transformers_entities import OUTSIDE, EntityFinder, find_words
from aimass_stream.adapters.transformers_text import TextClassifier, pack
from aimass_stream.records import Entities
from aimass_stream.registry.card import Provenance
from aimass_stream.registry.folder import find, publish
from aimass_stream.training.encoder import (
    UNLABELLED,
    TextRecipe,
    save,
    small_encoder,
    train,
    wordpiece,
)
from aimass_stream.training.labelled_lines import LabelledText
from aimass_stream.training.loop import Progress, repeatable
from aimass_stream.training.messages import INTENTS, KINDS, Message, messages
from aimass_stream.training.outcome import Trained, with_cost
from aimass_stream.training.text import (
    TASK,
    answers_of,
    encode_texts,
    measure,
    row_figures,
    spec_of,
    train_labels,
)

INTENT = "messages-intent"
"""The name the demo's intent classifier is published under."""
ENTITIES = "messages-entities"
"""The name of the model that finds what a message speaks of."""
ENCODER = "messages-encoder"
"""The name of the encoder, which is the body of the intent classifier."""

TRAIN_ROWS = 8000
"""Messages that are drawn to train on."""
HELD_OUT_ROWS = 1000
"""Messages, of phrases that are not trained on, to measure on."""

INTENT_RECIPE = TextRecipe(epochs=3, learning_rate=3e-3)
"""How the intent classifier is trained."""
ENTITY_RECIPE = TextRecipe(
    epochs=3, batch_rows=32, dropout=0.05, word_dropout=0.05, label_smoothing=0.0
)
"""How the entity model is trained."""

_MESSAGES = Provenance(
    source="trained here on synthetic messages of a small grammar, English and Chinese",
    licence="Apache-2.0",
    limits=("It knows support messages of that grammar; nothing that people wrote was tried.",),
)
_ENCODED = msgspec.structs.replace(
    _MESSAGES,
    limits=(
        *_MESSAGES.limits,
        "Near are messages that want the same, since it is the body of the intent classifier; "
        "its vectors were not measured by themselves.",
    ),
)
_FOUND = msgspec.structs.replace(
    _MESSAGES,
    limits=(*_MESSAGES.limits, "Its accuracy is F1 of entities right in kind and place."),
)
_TAGS = (OUTSIDE, *(f"{place}-{kind}" for kind in KINDS for place in "BI"))


def train_messages(models_folder: Path, progress: Progress | None = None) -> list[Trained]:
    """The demo's three text models; each trained once per registry, then found there.

    It takes about half a minute on one core. Figures are of messages as they are streamed,
    whose phrases were not trained on; the entity model's is F1 of entities that are right in
    kind and place. The encoder has none of its own.

    Args:
        models_folder: the registry.
        progress: told after every epoch.
    """
    known = [find(models_folder, name) for name in (INTENT, ENTITIES, ENCODER)]
    if None not in known:
        return [
            Trained(
                one.name,
                one.version,
                one.metrics.get("accuracy", math.nan),
                int(one.metrics.get("train_rows", 0)),
                int(one.metrics.get("held_out_rows", 0)),
            )
            for one in known
            if one is not None
        ]
    learnt = list(islice(messages("train", seed=1), TRAIN_ROWS))
    held_out = list(islice(messages("stream"), HELD_OUT_ROWS))
    with repeatable():
        intent = _train_intent(models_folder, learnt, held_out, _part(progress, 0.0, 0.6))
        entities = _train_entities(models_folder, learnt, held_out, _part(progress, 0.6, 1.0))
    return [*intent, entities]


def _train_intent(
    models_folder: Path,
    learnt: Sequence[Message],
    held_out: Sequence[Message],
    progress: Progress | None,
) -> list[Trained]:
    """The intent classifier, and the encoder that is its body."""
    rows, rest = _labelled(learnt), _labelled(held_out)
    model, tokenizer = train_labels(rows, INTENTS, INTENT_RECIPE, progress)
    figures = row_figures(rows, rest)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "intent")
        save(model, tokenizer, folder)
        accuracy, told = measure(TextClassifier(spec_of(folder), "cpu"), rest, _MESSAGES)
        version = publish(
            models_folder,
            INTENT,
            folder,
            task=TASK,
            labels=INTENTS,
            metrics={**figures, "accuracy": accuracy},
            provenance=told,
        )
        body = Path(place, "encoder")
        save(model.model, tokenizer, body)
        SentenceEncoder(spec_of(body), "cpu").close()
        encoder = publish(
            models_folder,
            ENCODER,
            body,
            task="sentence-embedding",
            metrics=figures,
            provenance=_ENCODED,
        )
    return [
        Trained(INTENT, version, accuracy, len(rows), len(rest)),
        Trained(ENCODER, encoder, math.nan, len(rows), len(rest)),
    ]


def _train_entities(
    models_folder: Path,
    learnt: Sequence[Message],
    held_out: Sequence[Message],
    progress: Progress | None,
) -> Trained:
    recipe = ENTITY_RECIPE
    torch.manual_seed(recipe.seed)
    tokenizer = wordpiece((one.text for one in learnt), recipe.vocabulary, recipe.max_tokens)
    model = small_encoder(ModernBertForTokenClassification, tokenizer, _TAGS, recipe)
    encodings = encode_texts(tokenizer, [one.text for one in learnt], recipe)
    targets = [_tags(one, encoding) for one, encoding in zip(learnt, encodings, strict=True)]
    train(model, [pack(encoding) for encoding in encodings], targets, recipe, progress)
    figures = row_figures(learnt, held_out)
    with tempfile.TemporaryDirectory() as place:
        save(model, tokenizer, Path(place))
        finder = EntityFinder(spec_of(Path(place)), "cpu")
        started_s = time.perf_counter()
        score = entity_f1(finder, held_out)
        told = with_cost(_FOUND, time.perf_counter() - started_s, len(held_out))
        version = publish(
            models_folder,
            ENTITIES,
            Path(place),
            task="token-classification",
            labels=_TAGS,
            metrics={**figures, "accuracy": score},
            provenance=told,
        )
    return Trained(ENTITIES, version, score, len(learnt), len(held_out))


def entity_f1(finder: EntityFinder, held_out: Sequence[Message]) -> float:
    """F1 of entities that are right in kind and place, measured as they are served."""
    answers = answers_of(finder, [one.text for one in held_out])
    right = found = true = 0
    for message, answer in zip(held_out, answers, strict=True):
        spans = {(one.label, one.start, one.end) for one in message.entities}
        given = (
            {(one.label, one.start, one.end) for one in answer.entities}
            if isinstance(answer, Entities)
            else set()
        )
        right, found, true = right + len(spans & given), found + len(given), true + len(spans)
    return 2 * right / max(found + true, 1)


def _tags(message: Message, encoding: Any) -> NDArray[np.int64]:
    """The tag of the first token of each word, `(tokens,)`; the others are not learnt from."""
    targets = np.full(len(encoding.ids), UNLABELLED, np.int64)
    for first, (start, _) in zip(*find_words(encoding), strict=True):
        tag = OUTSIDE
        for span in message.entities:
            if span.start <= start < span.end:
                tag = f"{'B' if start == span.start else 'I'}-{span.label}"
        targets[first] = _TAGS.index(tag)
    return targets


def _labelled(rows: Sequence[Message]) -> list[LabelledText]:
    return [LabelledText(one.intent, one.text) for one in rows]


def _part(progress: Progress | None, start: float, end: float) -> Callable[[float, str], None]:
    """Progress of a part of the whole."""

    def show(share: float, text: str) -> None:
        if progress is not None:
            progress(start + share * (end - start), text)

    return show
