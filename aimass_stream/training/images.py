"""The two ways to an image model: the demo's digits, and a folder of the user's own pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForImageClassification

from aimass_stream.adapters.transformers_images import (
    ImageClassifier,
    Preparation,
    load_image_processor,
)
from aimass_stream.codecs.images import decode_image
from aimass_stream.errors import ConfigError, RecordError, SetupError
from aimass_stream.records import Limits
from aimass_stream.registry.card import Provenance
from aimass_stream.registry.files import scan
from aimass_stream.training.classifier import small_resnet, square_processor, train
from aimass_stream.training.digits import EDGE, LABELS, TRAIN_ROWS, decode_digits, digit_images
from aimass_stream.training.folders import labelled_files, read, split_files
from aimass_stream.training.loop import Progress, Recipe, repeatable
from aimass_stream.training.outcome import Made, Trained, find_trained, keep, take

TASK = "image-classification"
"""The task of every model made here."""
DIGITS = "digits-resnet"
"""The name the demo's model is published under."""

_DIGITS = Provenance(
    source="trained here on renderings of the 1,797 digits of scikit-learn (UCI, Alpaydin and "
    "Kaynak, 1998; CC BY 4.0)",
    licence="Apache-2.0",
    limits=(
        "It knows single digits that were rendered as 8 x 8 pixels, shifted, coloured and made "
        "noisy; photographs and other handwriting were not tried.",
    ),
)
_SUFFIXES = (".jpg", ".jpeg", ".png")


def train_digits(models_folder: Path, progress: Progress | None = None) -> Trained:
    """The demo's digit classifier; trained once per registry, then found there.

    It takes some seconds on one core. The accuracy is that on pictures as they are streamed, of
    digits that were not trained on.
    """
    known = find_trained(models_folder, DIGITS)
    if known is not None:
        return known
    # Four drawings of each digit, so that shifts, colours and noise are seen more than once.
    files, labels = take(digit_images("train", seed=1), 4 * TRAIN_ROWS)
    held_out = take(digit_images("stream"), 600)
    with repeatable():
        torch.manual_seed(0)
        model = small_resnet(LABELS, (16, 32, 64))
        processor = square_processor(EDGE)
        targets = np.array([LABELS.index(label) for label in labels])
        recipe = Recipe(epochs=3, batch_rows=64, learning_rate=8e-3, label_smoothing=0.05)
        preparation = Preparation(processor, Limits())
        train(model, preparation, list(decode_digits(files)), targets, recipe, progress)
    made = Made(TASK, ImageClassifier, model, processor, TRAIN_ROWS, _DIGITS)
    return keep(models_folder, DIGITS, made, held_out)


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
        ConfigError: the folder is not there or has fewer than two classes, a file cannot be read
            as an image, or the split leaves nothing to train on.
        SetupError: `start` cannot be gone on from.
    """
    recipe = recipe or PHOTOS
    files = labelled_files(data_folder, _SUFFIXES, noun="images, JPEG or PNG,")
    split = split_files(files, train_files, fraction, recipe.seed)
    images = [_decode(file.path) for file in split.train]
    with repeatable():
        torch.manual_seed(recipe.seed)
        classes = split.classes
        model, processor = _begin(classes) if start is None else _go_on(start, classes)
        targets = np.array([classes.index(file.label) for file in split.train])
        train(model, Preparation(processor, Limits()), images, targets, recipe, progress)
    told = Provenance(source=f"trained here on {len(images):,} files of {data_folder.name}")
    made = Made(TASK, ImageClassifier, model, processor, len(images), told)
    return keep(models_folder, name, made, read(split.held_out))


PHOTOS = Recipe(epochs=200, mixing=0.4, augment=True)
"""What `fine_tune_folder` does unless told otherwise: some hundred small photographs."""


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
