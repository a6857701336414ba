"""How well clusters of recordings match what nobody told them: the speaker, and the word."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
from sklearn.metrics import adjusted_rand_score

from aimass_stream.adapters.spectrum import MelSpectrum
from aimass_stream.adapters.spectrum_numbers import SpectrumModel
from aimass_stream.learner import Event
from aimass_stream.learners.clusters import Clusters
from aimass_stream.learners.clusters.state import ClustersState
from aimass_stream.records import Embedding
from aimass_stream.registry.folder import resolve


class Grouped(NamedTuple):
    """What came of a folder of recordings, over the second half of a shuffled pass.

    Attributes:
        speaker: adjusted Rand index of clusters and speakers; 0 for chance, 1 for the same.
        word: likewise of words.
        outside: share of recordings in no cluster.
        clusters: ids given.
    """

    speaker: float
    word: float
    outside: float
    clusters: int


def group(folder: Path, seed: int = 0) -> Grouped | None:
    """Cluster `<word>_<speaker>_<number>.wav`; None where there are none."""
    files = sorted(folder.rglob("*_*_*.wav"))
    if not files:
        return None
    order = np.random.default_rng(seed).permutation(len(files))
    spectrum = MelSpectrum("spectrum")
    model = SpectrumModel(resolve(spectrum, folder), "cpu")
    state = ClustersState(Clusters("sounds", spectrum.dimensions).settings)
    ids, words, speakers = [], [], []
    for at, place in enumerate(order.tolist()):
        (found,) = model.predict([model.decode(files[place].read_bytes())])
        if not isinstance(found, Embedding):
            continue
        vector = base64.b64encode(found.vector).decode()
        value = orjson.dumps({"vector": vector, "dimensions": found.dimensions})
        one = state.read(Event(at, "t", at, f"t/0/{at}", None, value))
        (answer,) = state.score([one])
        state.learn([one])
        word, speaker, _ = files[place].stem.split("_")
        ids.append(answer.cluster)
        words.append(word)
        speakers.append(speaker)
    half = slice(len(ids) // 2, None)
    return Grouped(
        float(adjusted_rand_score(speakers[half], ids[half])),
        float(adjusted_rand_score(words[half], ids[half])),
        float(np.mean([one == 0 for one in ids[half]])),
        len(set(ids) - {0}),
    )
