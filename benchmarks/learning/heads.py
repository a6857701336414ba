"""Transfer learning on the stream: what a head reaches on a frozen backbone, and without one.

A small network is trained on part of the data with the project's own training, published, and
frozen. Other records of that kind are then streamed through it to a `Head` at the settings that are
shipped; labels come late, out of order, twice or never (`late`). Before, the head is shown what the
backbone was trained on; what it reaches if it begins empty is told beside.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from aimass_stream.adapters.spectrum import MelSpectrum
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.learners import Head
from aimass_stream.model import Model, import_adapter
from aimass_stream.records import Embedding
from aimass_stream.registry.folder import resolve
from aimass_stream.training.audio import fine_tune_audio_folder
from aimass_stream.training.labelled_lines import LabelledText, read_labelled
from aimass_stream.training.text import fine_tune_text_file
from benchmarks.learning.late import Shown, stream

TRAINED_SPEAKERS = 2
MOST_SPLITS = 6
BATCH_ROWS = 64
HASHED_NUMBERS = 512
_WORD = r"\S+"

Encode = Callable[[Sequence[bytes]], list[Embedding]]
Results = dict[str, Any]


class Recording(NamedTuple):
    """A file `<word>_<speaker>_<number>.wav`."""

    path: Path
    word: str
    speaker: str


def digits(data: Path, part: float = 1.0, seed: int = 0) -> Results | None:
    """Spoken words: a backbone trained on two speakers, a head on the others, for each choice.

    Args:
        data: holds the recordings, all in one folder.
        part: of the choices of speakers, the share that is tried.
        seed: of order and delays.

    Returns:
        `accuracy` and the like as means over choices, and `splits` with each; None where there are
        no recordings of more than two speakers.
    """
    files = [Recording(path, *path.stem.split("_")[:2]) for path in sorted(data.rglob("*_*_*.wav"))]
    speakers = sorted({one.speaker for one in files})
    if len(speakers) <= TRAINED_SPEAKERS:
        return None
    pairs = list(combinations(speakers, TRAINED_SPEAKERS))[:MOST_SPLITS]
    splits = {}
    for pair in pairs[: max(1, round(len(pairs) * part))]:
        splits[" ".join(pair)] = found = _of_speakers(files, pair, seed)
        print(f"digits, trained on {' and '.join(pair)}: {found}", flush=True)
    return {**_means(list(splits.values())), "splits": splits}


def sentences(data: Path, seed: int = 0) -> Results | None:
    """Sentences with a sentiment: a backbone trained on the file of training, a head on the rest.

    Returns:
        `accuracy` and the like; None where no `stsa.binary.train` lies under the data.
    """
    place = next(iter(sorted(data.rglob("stsa.binary.train"))), None)
    if place is None:
        return None
    learnt = read_labelled(place)
    rest = [place.with_suffix(ending) for ending in (".dev", ".test")]
    streamed = [one for path in rest if path.is_file() for one in read_labelled(path)]
    with tempfile.TemporaryDirectory() as folder:
        registry = Path(folder)
        fine_tune_text_file(place, registry, "sentences", held_out_file=rest[-1])
        encoder = Transformers("sentence-embedding", "models://sentences")
        found = _reached(_predicted(encoder, registry), _texts(learnt), _texts(streamed), seed)
    bare = _reached(_hashed, _texts(learnt), _texts(streamed), seed)
    print(f"sst2: {found}, without a backbone {bare}", flush=True)
    return {**found, **_without(bare)}


def _of_speakers(files: Sequence[Recording], pair: Sequence[str], seed: int) -> Results:
    learnt = [one for one in files if one.speaker in pair]
    streamed = [one for one in files if one.speaker not in pair]
    with tempfile.TemporaryDirectory() as folder:
        registry = Path(folder)
        fine_tune_audio_folder(
            files[0].path.parent,
            registry,
            "words",
            labels="prefix",
            train_files=[one.path.name for one in learnt],
        )
        encoder = Transformers("audio-embedding", "models://words")
        encode = _predicted(encoder, registry)
        found = _reached(encode, _recordings(learnt), _recordings(streamed), seed)
        spectrum = _predicted(MelSpectrum("spectrum"), registry)
    bare = _reached(spectrum, _recordings(learnt), _recordings(streamed), seed)
    return {**found, **_without(bare)}


def _without(bare: Results) -> Results:
    return {f"{name}_without_backbone": figure for name, figure in bare.items() if name != "rows"}


def _means(found: Sequence[Results]) -> Results:
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _reached(
    encode: Encode,
    learnt: tuple[Sequence[bytes], Sequence[str]],
    streamed: tuple[Sequence[bytes], Sequence[str]],
    seed: int,
) -> Results:
    """What a head reaches that was shown the first before the others, and one that was not."""
    known, asked = (
        [Shown(*one) for one in zip(encode(values), labels, strict=True)]
        for values, labels in (learnt, streamed)
    )
    labels = tuple(sorted({one.label for one in [*known, *asked]}))
    head = Head("bench", labels, asked[0].embedding.dimensions)
    taught, empty = (stream(head, asked, seed=seed, known=each) for each in (known, ()))
    return {
        "accuracy": taught.accuracy,
        "last_half": taught.last_half,
        "begun_empty": empty.accuracy,
        "begun_empty_last_half": empty.last_half,
        "rows": taught.records,
    }


def _recordings(files: Sequence[Recording]) -> tuple[list[bytes], list[str]]:
    return [one.path.read_bytes() for one in files], [one.word for one in files]


def _texts(lines: Sequence[LabelledText]) -> tuple[list[bytes], list[str]]:
    return [one.text.encode() for one in lines], [one.label for one in lines]


def _predicted(model: Model[Embedding], registry: Path) -> Encode:
    """What a model answers, as it is served on the CPU."""
    spec = resolve(model, registry)
    predictor = import_adapter(spec.adapter)(spec, "cpu")

    def batches(values: Sequence[bytes]) -> Iterator[Embedding]:
        for first in range(0, len(values), BATCH_ROWS):
            inputs = [predictor.decode(value) for value in values[first : first + BATCH_ROWS]]
            for answer in predictor.predict(inputs):
                if not isinstance(answer, Embedding):
                    raise answer
                yield answer

    return lambda values: list(batches(values))


def _hashed(values: Sequence[bytes]) -> list[Embedding]:
    """Words and pairs of them, hashed: no backbone at all."""
    vectorizer = HashingVectorizer(
        n_features=HASHED_NUMBERS, ngram_range=(1, 2), token_pattern=_WORD
    )
    rows: NDArray[np.float64] = vectorizer.transform([one.decode() for one in values]).toarray()
    return [Embedding.of(row) for row in rows]
