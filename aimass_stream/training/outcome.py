"""What comes of a training: a model in the registry, measured as it is served."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import torch
from transformers.utils import logging

from aimass_stream.errors import RecordError
from aimass_stream.model import ModelSpec, Predictor
from aimass_stream.registry.card import Cost, Provenance
from aimass_stream.registry.folder import find, publish

BATCH_ROWS = 64
"""Records of a call while a model is measured."""

Files = tuple[list[bytes], list[str]]
"""Files and the label of each."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model in the registry, and how good it is.

    Attributes:
        name: its name.
        version: its version.
        accuracy: share of held-out files it gets right, measured as it is served; NaN where
            nothing was held out.
        train_rows: files it was trained on.
        held_out_rows: files it was measured on.
    """

    name: str
    version: str
    accuracy: float
    train_rows: int
    held_out_rows: int


@dataclass(frozen=True, slots=True)
class Made:
    """A model that was trained and is not yet published.

    Attributes:
        task: what it does, as declarations name it.
        predictor: what serves it; takes a `ModelSpec` and a device.
        model: itself.
        processor: prepares its inputs.
        train_rows: files it was trained on.
        provenance: what its card says of where it comes from.
    """

    task: str
    predictor: Any
    model: Any
    processor: Any
    train_rows: int
    provenance: Provenance


def find_trained(models_folder: Path, name: str) -> Trained | None:
    """A model of that name that is published already."""
    known = find(models_folder, name)
    if known is None:
        return None
    figures = known.metrics
    return Trained(
        name,
        known.version,
        figures.get("accuracy", float("nan")),
        int(figures.get("train_rows", 0)),
        int(figures.get("held_out_rows", 0)),
    )


def keep(models_folder: Path, name: str, made: Made, held_out: Files) -> Trained:
    """Measure a model on files it was not trained on, as it is served, and publish it.

    A file that cannot be decoded counts as wrong. What answering cost goes onto the card.
    """
    files, labels = held_out
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library has no types
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made.model.save_pretrained(folder)
        made.processor.save_pretrained(folder)
        metrics = {"train_rows": float(made.train_rows), "held_out_rows": float(len(files))}
        hits, provenance = float("nan"), made.provenance
        if files:
            spec = ModelSpec(name=name, version="0", adapter="", folder=str(folder))
            predictor = made.predictor(spec, "cpu")
            started_s = time.perf_counter()
            hits = metrics["accuracy"] = accuracy(predictor, files, labels)
            provenance = with_cost(provenance, time.perf_counter() - started_s, len(files))
        config = made.model.config
        names = [config.id2label[row] for row in range(config.num_labels)]
        version = publish(
            models_folder,
            name,
            folder,
            task=made.task,
            labels=names,
            metrics=metrics,
            provenance=provenance,
        )
    return Trained(name, version, hits, made.train_rows, len(files))


def with_cost(provenance: Provenance, seconds: float, records: int) -> Provenance:
    """The same with what it cost here, on the CPU, to answer so many records in so long."""
    cost = Cost(
        ms_per_record=1000 * seconds / records,
        records=records,
        batch_rows=BATCH_ROWS,
        device="cpu",
        threads=torch.get_num_threads(),
        machine=platform.machine(),
    )
    return msgspec.structs.replace(provenance, cost=cost)


def accuracy(predictor: Predictor, files: Sequence[bytes], labels: Sequence[str]) -> float:
    """The share of files that get their label; one that cannot be decoded counts as wrong."""
    hits = 0
    for first in range(0, len(files), BATCH_ROWS):
        inputs, expected = [], []
        for row in range(first, min(first + BATCH_ROWS, len(files))):
            try:
                inputs.append(predictor.decode(files[row]))
            except RecordError:
                continue
            expected.append(labels[row])
        hits += sum(
            not isinstance(answer, RecordError) and answer.label == label
            for answer, label in zip(predictor.predict(inputs), expected, strict=True)
        )
    return hits / max(len(files), 1)


def take(drawn: Iterable[tuple[bytes, str]], rows: int) -> Files:
    """The first rows of a generator of files."""
    files, labels = zip(*islice(drawn, rows), strict=True)
    return list(files), list(labels)
