"""What the models are given: texts, images and sounds drawn from a seed, as files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import numpy as np
from PIL import Image

from aimass_stream.training.sounds import sound_files

SEED = 11
MAX_TOKENS = 256

_SPECIAL_TOKENS = 2
_WORDS = 4_000
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIZES = ((224, 224), (640, 480), (1280, 720))


def draw_texts(
    count: int,
    median_tokens: float = 22,
    mean_tokens: float = 32,
    max_tokens: int = MAX_TOKENS,
) -> list[bytes]:
    """Texts of log-normal lengths, special tokens included.

    A word is a token of the tokenizer that `models` makes for them.
    """
    draw = np.random.default_rng(SEED)
    words = words_of(draw)
    spread = np.sqrt(2 * np.log(mean_tokens / median_tokens))
    lengths = draw.lognormal(np.log(median_tokens), spread, count)
    tokens = lengths.round().astype(int).clip(_SPECIAL_TOKENS + 1, max_tokens)
    chosen = (draw.integers(0, len(words), size - _SPECIAL_TOKENS) for size in tokens)
    return [" ".join([words[place] for place in places]).encode() for places in chosen]


def words_of(draw: np.random.Generator) -> list[str]:
    """The words that texts are made of, 1 to 7 letters each."""
    found: dict[str, None] = {}
    while len(found) < _WORDS:
        places = draw.integers(0, len(_LETTERS), draw.integers(1, 8))
        found["".join([_LETTERS[place] for place in places])] = None
    return list(found)


def draw_images(count: int, sizes: Sequence[tuple[int, int]] = _SIZES) -> list[bytes]:
    """JPEGs of some sizes in turn, smooth with some noise, as photographs are."""
    draw = np.random.default_rng(SEED)
    return [_jpeg(draw, sizes[number % len(sizes)]) for number in range(count)]


def _jpeg(draw: np.random.Generator, size: tuple[int, int]) -> bytes:
    coarse = Image.fromarray(draw.integers(0, 256, (8, 8, 3), np.uint8))
    pixels = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int16)
    noisy = pixels + draw.integers(-12, 13, pixels.shape, np.int16)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def draw_sounds(count: int) -> list[bytes]:
    """WAV and FLAC files of 0.4 to 1.5 s at several rates; the generator's Ogg is left out."""
    files = (file for file, _label in sound_files("stream", seed=SEED))
    return list(islice((file for file in files if not file.startswith(b"OggS")), count))


DRAW: Mapping[str, Callable[[int], list[bytes]]] = {
    "text": draw_texts,
    "images": draw_images,
    "audio": draw_sounds,
}
"""By kind: so many files, the same for the same count."""
