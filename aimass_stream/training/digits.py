"""Handwritten digits as image files: what the demo streams, what its model learns from.

The 1,797 digits that come with scikit-learn, rendered as small colour pictures with shifts and
noise. They are split once: a model is trained on one part, and only the other is streamed. No
model library is needed here, so a generator starts quickly.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aimass_stream.codecs.images import Pixels, decode_image
from aimass_stream.records import Limits

Split = Literal["train", "stream"]

LABELS = tuple("0123456789")
"""The classes, in the order of a model's outputs."""
EDGE = 32
"""Width and height of a picture, pixels."""
TRAIN_ROWS = 1197
"""Digits to train on; the other 600 are streamed."""
NOISE = 40.0
"""Standard deviation of a streamed picture's noise, of 255."""

_SPLIT_SEED = 7
_SHIFT = 3


def digit_images(
    split: Split, *, noise: float = NOISE, seed: int = 0
) -> Iterator[tuple[bytes, str]]:
    """Pictures of digits without end; every pass over the split is drawn anew.

    JPEG and PNG alternate at random. The same arguments give the same bytes.

    Args:
        split: `train` or `stream`; they have no digit in common.
        noise: standard deviation of the noise, of 255; 0 leaves the digits clean and in place.
        seed: of order, shifts, colours and noise.

    Yields:
        The file and its label.
    """
    digits, labels = _split(split)
    draw = np.random.default_rng(seed)
    while True:
        for row in draw.permutation(len(labels)):
            picture = _render(digits[row], noise, draw)
            yield _encode(picture, draw), LABELS[labels[row]]


def decode_digits(files: list[bytes]) -> Pixels:
    """The files as `(rows, 32, 32, 3)` uint8."""
    return np.stack([decode_image(file, Limits()) for file in files])


class NearestMean:
    """The obvious baseline: the class whose mean picture is nearest, pixel by pixel.

    Args:
        noise: noise of the pictures it is made from.
        rows: how many pictures.
    """

    def __init__(self, *, noise: float = NOISE, rows: int = TRAIN_ROWS) -> None:
        pictures = digit_images("train", noise=noise)
        files, labels = zip(*(next(pictures) for _ in range(rows)), strict=True)
        features = _features(decode_digits(list(files)))
        of_class = [features[np.array(labels) == label] for label in LABELS]
        self._means = np.stack([pictures_of.mean(axis=0) for pictures_of in of_class])

    def predict(self, files: list[bytes]) -> list[str]:
        """The label of each file."""
        features = _features(decode_digits(files))
        # The squared distance, less what is the same for every class.
        distance = (self._means**2).sum(axis=1) - 2 * features @ self._means.T
        return [LABELS[row] for row in distance.argmin(axis=1)]


def _features(pictures: Pixels) -> NDArray[np.float64]:
    """Grey pixels, one row per picture."""
    grey: NDArray[np.float64] = pictures.mean(axis=3).reshape(len(pictures), -1)
    return grey


@cache
def _digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The digits, `(rows, 8, 8)` with values 0 to 16, and their labels; in our own order."""
    table = _read_table()
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(table))
    return table[order, :-1].reshape(-1, 8, 8), table[order, -1].astype(np.int64)


def _read_table() -> NDArray[np.float64]:
    # The file is read past scikit-learn, whose import takes seconds that a generator never needs.
    table: NDArray[np.float64]
    found = importlib.util.find_spec("sklearn")
    for place in (found and found.submodule_search_locations) or ():
        path = Path(place, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            with gzip.open(path, "rt") as file:
                table = np.loadtxt(file, delimiter=",")
            return table
    from sklearn.datasets import load_digits

    digits = load_digits()
    table = np.column_stack([digits.data, digits.target])
    return table


def _split(split: Split) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    digits, labels = _digits()
    rows = slice(None, TRAIN_ROWS) if split == "train" else slice(TRAIN_ROWS, None)
    return digits[rows], labels[rows]


def _render(digit: NDArray[np.float64], noise: float, draw: np.random.Generator) -> Pixels:
    """One 8 x 8 digit of 16 greys as a picture in two colours."""
    small = Image.fromarray((digit * (255 / 16)).astype(np.uint8))
    ink = np.asarray(small.resize((EDGE, EDGE), Image.Resampling.BICUBIC)) / 255
    if noise:
        ink = np.roll(ink, draw.integers(-_SHIFT, _SHIFT + 1, 2), axis=(0, 1))
    dark, light = draw.uniform(0, 60, 3), draw.uniform(160, 255, 3)
    picture = dark + ink[:, :, np.newaxis] * (light - dark)
    picture += draw.normal(0, noise, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def _encode(picture: Pixels, draw: np.random.Generator) -> bytes:
    file = io.BytesIO()
    if draw.random() < 0.5:
        Image.fromarray(picture).save(file, "JPEG", quality=90)
    else:
        Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()
