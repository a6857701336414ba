"""The two ways to an image model: the demo's digits, and a folder of the user's own pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForImageClassification

from aimass_stream.adapters.transformers_images import Preparation, load_image_processor
from aimass_stream.codecs.images import decode_image
from aimass_stream.errors import ConfigError, RecordError, SetupError
from aimass_stream.records import Limits
from aimass_stream.registry.files import scan
from aimass_stream.registry.folder import find, publish
from aimass_stream.training.classifier import (
    Progress,
    Recipe,
    accuracy,
    save,
    small_resnet,
    square_processor,
    train,
)
from aimass_stream.training.digits import EDGE, LABELS, TRAIN_ROWS, decode_digits, digit_images

TASK = "image-classification"
"""The task of every model made here."""
DIGITS = "digits-resnet"
"""The name the demo's model is published under."""

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True, slots=True)
class Trained:
    """A model in the registry, and how good it is.

    Attributes:
        name: its name.
        version: its version.
        accuracy: share of held-out images it gets right, measured as it is served; NaN where
            nothing was held out.
        train_rows: images it was trained on.
        held_out_rows: images it was measured on.
    """

    name: str
    version: str
    accuracy: float
    train_rows: int
    held_out_rows: int


def train_digits(models_folder: Path, progress: Progress | None = None) -> Trained:
    """The demo's digit classifier; trained once per registry, then found there.

    It takes some seconds on one core. The accuracy is that on pictures as they are streamed, of
    digits that were not trained on.
    """
    known = find(models_folder, DIGITS)
    if known is not None:
        figures = known.metrics
        return Trained(
            DIGITS,
            known.version,
            figures.get("accuracy", float("nan")),
            int(figures.get("train_rows", 0)),
            int(figures.get("held_out_rows", 0)),
        )
    # Four drawings of each digit, so that shifts, colours and noise are seen more than once.
    files, labels = _take(digit_images("train", seed=1), 4 * TRAIN_ROWS)
    held_out = _take(digit_images("stream"), 600)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = small_resnet(LABELS, (16, 32, 64))
        processor = square_processor(EDGE)
        targets = np.array([LABELS.index(label) for label in labels])
        recipe = Recipe(epochs=3, batch_rows=64, learning_rate=8e-3, label_smoothing=0.05)
        preparation = Preparation(processor, Limits())
        train(model, preparation, list(decode_digits(files)), targets, recipe, progress)
    return _publish(models_folder, DIGITS, (model, processor), held_out, TRAIN_ROWS)


def fine_tune_folder(  # noqa: PLR0913 - a data set, its split, and where the model goes
    data_folder: Path,
    models_folder: Path,
    name: str,
    *,
    train_files: Iterable[str] | None = None,
    fraction: float = 0.5,
    start: Path | None = None,
    recipe: Recipe | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a classifier on `<class>/<image>` and publish it.

    Everything is decoded once and held in memory, at the size the model takes.

    Args:
        data_folder: one folder per class, of JPEG and PNG files.
        models_folder: the registry.
        name: what the model is published under.
        train_files: the files to train on, `class/name.jpg` each; all others are held out.
        fraction: of each class, the share to train on, drawn with the recipe's seed, where
            `train_files` is not given.
        start: a model folder to go on from, whose classes are replaced; without it a small
            ResNet begins from nothing.
        recipe: how to train; the default suits some hundred to some thousand small pictures.
        progress: told after every epoch.

    Raises:
        ConfigError: the folder has fewer than two classes, a file cannot be read as an image,
            or the split leaves nothing to train on.
        SetupError: `start` cannot be gone on from.
    """
    recipe = recipe or PHOTOS
    files = _image_files(data_folder)
    chosen = _split(files, train_files, fraction, recipe.seed)
    classes = sorted({file.parent.name for file in files})
    rows = [file for file in files if file in chosen]
    images = [_decode(file) for file in rows]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model, processor = _begin(classes) if start is None else _go_on(start, classes)
        targets = np.array([classes.index(file.parent.name) for file in rows])
        train(model, Preparation(processor, Limits()), images, targets, recipe, progress)
    rest = [file for file in files if file not in chosen]
    held_out = [file.read_bytes() for file in rest], [file.parent.name for file in rest]
    return _publish(models_folder, name, (model, processor), held_out, len(rows))


PHOTOS = Recipe(epochs=200, mixing=0.4, photos=True)
"""What `fine_tune_folder` does unless told otherwise: some hundred small photographs."""


def _publish(
    models_folder: Path,
    name: str,
    made: tuple[Any, Any],
    held_out: tuple[list[bytes], list[str]],
    train_rows: int,
) -> Trained:
    model, processor = made
    files, labels = held_out
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save(model, processor, folder)
        metrics = {"train_rows": float(train_rows), "held_out_rows": float(len(files))}
        hits = accuracy(folder, files, labels) if files else float("nan")
        if files:
            metrics["accuracy"] = hits
        names = [model.config.id2label[row] for row in range(model.config.num_labels)]
        version = publish(models_folder, name, folder, task=TASK, labels=names, metrics=metrics)
    return Trained(name, version, hits, train_rows, len(files))


def _take(pictures: Iterable[tuple[bytes, str]], rows: int) -> tuple[list[bytes], list[str]]:
    files, labels = zip(*islice(pictures, rows), strict=True)
    return list(files), list(labels)


def _image_files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in _SUFFIXES)
    if len({file.parent for file in files}) < 2:
        raise ConfigError(
            f"{folder} holds fewer than two classes. Put the images of each class, JPEG or PNG, "
            f"into a folder of its own: {folder}/cat/1.jpg, {folder}/dog/1.jpg"
        )
    return files


def _split(
    files: list[Path], named: Iterable[str] | None, fraction: float, seed: int
) -> frozenset[Path]:
    """The files to train on."""
    if named is not None:
        wanted = frozenset(named)
        chosen = [file for file in files if f"{file.parent.name}/{file.name}" in wanted]
        if len(chosen) != len(wanted):
            raise ConfigError(f"{len(wanted) - len(chosen)} of the train_files are not there")
    else:
        draw = np.random.default_rng(seed)
        chosen = []
        for name in sorted({file.parent.name for file in files}):
            of_class = [file for file in files if file.parent.name == name]
            order = draw.permutation(len(of_class))[: round(fraction * len(of_class))]
            chosen += [of_class[row] for row in order]
    if not chosen:
        raise ConfigError("The split leaves no file to train on")
    return frozenset(chosen)


def _decode(file: Path) -> Any:
    try:
        return decode_image(file.read_bytes(), Limits())
    except RecordError as error:
        raise ConfigError(f"{file} cannot be trained on: {error.detail}") from error


def _begin(classes: list[str]) -> tuple[Any, Any]:
    return small_resnet(classes, (32, 64, 128)), square_processor(64)


def _go_on(start: Path, classes: list[str]) -> tuple[Any, Any]:
    scan(start)
    try:
        model = AutoModelForImageClassification.from_pretrained(
            start,
            num_labels=len(classes),
            id2label=dict(enumerate(classes)),
            label2id={name: row for row, name in enumerate(classes)},
            ignore_mismatched_sizes=True,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
    except (OSError, ValueError, ImportError) as error:
        raise SetupError(
            f"{start} cannot be gone on from: {error} It must be the folder of an image "
            "classifier, with its processor, as save_pretrained writes both."
        ) from error
    return model, load_image_processor(start)
