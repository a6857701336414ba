"""A text classifier from a file of the user's own lines, and what all text training shares."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import ModernBertForSequenceClassification

from aimass_stream.adapters.transformers_text import Ids, TextClassifier, pack
from aimass_stream.errors import ConfigError
from aimass_stream.model import ModelSpec, Predictor
from aimass_stream.records import Prediction
from aimass_stream.registry.card import Provenance
from aimass_stream.registry.folder import publish
from aimass_stream.training.encoder import (
    TextRecipe,
    save,
    small_encoder,
    train,
    wordpiece,
)
from aimass_stream.training.labelled_lines import LabelledText, read_labelled
from aimass_stream.training.loop import Progress, repeatable
from aimass_stream.training.outcome import BATCH_ROWS, Trained, with_cost

TASK = "text-classification"
"""The task of every classifier made here."""

LINES_RECIPE = TextRecipe(
    epochs=6, width=128, vocabulary=8000, dropout=0.3, word_dropout=0.2, learning_rate=2e-3
)
"""What `fine_tune_text_file` does unless told otherwise: some thousand short texts."""


def fine_tune_text_file(  # noqa: PLR0913 - a data set, its split, and where the model goes
    data_file: Path,
    models_folder: Path,
    name: str,
    *,
    held_out_file: Path | None = None,
    fraction: float = 0.8,
    encoding: str = "utf-8",
    recipe: TextRecipe | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a classifier on lines with labels, from nothing, and publish it.

    Args:
        data_file: lines `label<space or tab>text`, or in a .jsonl or .ndjson objects
            `{"label": ..., "text": ...}`.
        models_folder: the registry.
        name: what the model is published under.
        held_out_file: lines to measure on; all of `data_file` is then trained on.
        fraction: of each label, the share to train on, drawn with the recipe's seed, where no
            `held_out_file` is given.
        encoding: of lines of text.
        recipe: how to train; the default suits some thousand short texts.
        progress: told after every epoch.

    Raises:
        ConfigError: a file is not there or cannot be read, a line has no label or no text, there
            are fewer than two labels, or nothing to train on.
    """
    recipe = recipe or LINES_RECIPE
    learnt = read_labelled(data_file, encoding)
    if held_out_file is None:
        learnt, held_out = _split(learnt, fraction, recipe.seed)
    else:
        held_out = read_labelled(held_out_file, encoding)
    labels = sorted({one.label for one in learnt})
    if len(labels) < 2:
        raise ConfigError(f"{data_file} has fewer than two labels to train on")
    with repeatable():
        model, tokenizer = train_labels(learnt, labels, recipe, progress)
    figures = row_figures(learnt, held_out)
    with tempfile.TemporaryDirectory() as place:
        save(model, tokenizer, Path(place))
        told = Provenance(source=f"trained here on {len(learnt):,} lines of {data_file.name}")
        accuracy = math.nan
        if held_out:
            classifier = TextClassifier(spec_of(Path(place)), "cpu")
            accuracy, told = measure(classifier, held_out, told)
            figures["accuracy"] = accuracy
        version = publish(
            models_folder,
            name,
            Path(place),
            task=TASK,
            labels=labels,
            metrics=figures,
            provenance=told,
        )
    return Trained(name, version, accuracy, len(learnt), len(held_out))


def train_labels(
    learnt: Sequence[LabelledText],
    labels: Sequence[str],
    recipe: TextRecipe,
    progress: Progress | None,
) -> tuple[Any, Any]:
    """A classifier of texts and its tokenizer, trained from nothing."""
    torch.manual_seed(recipe.seed)
    texts = [one.text for one in learnt]
    tokenizer = wordpiece(texts, recipe.vocabulary, recipe.max_tokens)
    model = small_encoder(ModernBertForSequenceClassification, tokenizer, labels, recipe)
    inputs: list[Ids] = [pack(encoding) for encoding in encode_texts(tokenizer, texts, recipe)]
    targets = [np.array(labels.index(one.label)) for one in learnt]
    train(model, inputs, targets, recipe, progress)
    return model, tokenizer


def encode_texts(tokenizer: Any, texts: Sequence[str], recipe: TextRecipe) -> list[Any]:
    """The texts as `tokenizers.Encoding`s, cut as the model will have them cut."""
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(recipe.max_tokens)
    encodings: list[Any] = backend.encode_batch(list(texts))
    return encodings


def measure(
    classifier: Predictor, held_out: Sequence[LabelledText], told: Provenance
) -> tuple[float, Provenance]:
    """The share of texts that get their label, as served, and what it cost beside what is told."""
    started_s = time.perf_counter()
    answers = answers_of(classifier, [one.text for one in held_out])
    elapsed_s = time.perf_counter() - started_s
    hits = sum(
        isinstance(answer, Prediction) and answer.label == one.label
        for answer, one in zip(answers, held_out, strict=True)
    )
    return hits / len(held_out), with_cost(told, elapsed_s, len(held_out))


def answers_of(predictor: Predictor, texts: Sequence[str]) -> list[Any]:
    """What a model answers to texts, in their order, as it is served."""
    answers: list[Any] = []
    for first in range(0, len(texts), BATCH_ROWS):
        inputs = [predictor.decode(text.encode()) for text in texts[first : first + BATCH_ROWS]]
        answers += predictor.predict(inputs)
    return answers


def _split(
    rows: Sequence[LabelledText], fraction: float, seed: int
) -> tuple[list[LabelledText], list[LabelledText]]:
    """Those to train on and the rest, both in their order."""
    draw = np.random.default_rng(seed)
    chosen: set[int] = set()
    for label in sorted({one.label for one in rows}):
        places = [place for place, one in enumerate(rows) if one.label == label]
        order = draw.permutation(len(places))[: round(fraction * len(places))]
        chosen.update(places[place] for place in order)
    learnt = [one for place, one in enumerate(rows) if place in chosen]
    return learnt, [one for place, one in enumerate(rows) if place not in chosen]


def row_figures(learnt: Sequence[Any], held_out: Sequence[Any]) -> dict[str, float]:
    """How many rows were trained on and held out, as a manifest has them."""
    return {"train_rows": float(len(learnt)), "held_out_rows": float(len(held_out))}


def spec_of(folder: Path) -> ModelSpec:
    """The spec of a model that is not published yet."""
    return ModelSpec(name=folder.name, version="0", adapter="", folder=str(folder))
