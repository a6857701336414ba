"""Items that hardly anybody has touched, by what is written about them.

The texts are real: questions of the file `TREC.train.all`, which are published one after the
other. Users are made up: each follows two words and turns to questions with these, now and then to
any other. Nobody tells the recommender of words: it has vectors of questions by latent semantic
analysis (Deerwester et al., 1990), 64 numbers each. Asked before each event whose question had
fewer than five, it stands beside itself without `content`, and the most popular questions.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize

from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.recommendation.events import Described
from aimass_stream.learners.recommendation.recommender import MEMBERS
from aimass_stream.learners.recommendation.state import RecommenderState
from aimass_stream.records.behaviour import Action
from benchmarks.learning.recommend.events import START_MS, view
from benchmarks.learning.recommend.protocols import Measures
from benchmarks.learning.recommend.tally import Tally

_USERS = 300
_EVENTS = 16_000
_FIRST_PUBLISHED = 400
_NUMBERS = 64
_COLD_EVENTS = 5
_FOLLOWED = (20, 120)
_ELSEWHERE = 0.2


class Told(NamedTuple):
    """An event, and the questions that are published before it, with their vectors."""

    action: Action
    published: list[Described]


def cold(texts: list[str], part: float) -> Measures:
    """Hit rates among 10 of questions with fewer than five events."""
    story = tell(texts, int(_EVENTS * part))
    without = tuple(member for member in MEMBERS if member != "content")
    states = {
        "recommender": RecommenderState(Recommender("q", dimensions=_NUMBERS).settings),
        "without content": RecommenderState(
            Recommender("q", dimensions=_NUMBERS, members=without).settings
        ),
    }
    tallies = {name: Tally() for name in (*states, "popular")}
    counts: Counter[str] = Counter()
    for action, published in story:
        item = str(action.item)
        for state in states.values():
            state.learn(published)
        if counts[item] < _COLD_EVENTS:
            for name, state in states.items():
                tallies[name].add([one.item for one in state.recommend(action.user).items], item)
            tallies["popular"].add([name for name, _ in counts.most_common(10)], item)
        for state in states.values():
            state.learn([action])
        counts[item] += 1
    for name, tally in tallies.items():
        print(f"cold, {name}: HR@10 / MRR@10 {tally}", flush=True)
    shares = {name: tally.shares for name, tally in tallies.items()}
    return {"cold_hr10": {name: share[0] for name, share in shares.items()}}


def tell(texts: list[str], events: int) -> list[Told]:
    """Events of users who follow words, among questions of which ever more are published."""
    rng = np.random.default_rng(0)
    vectors = _vectors(texts)
    words = _followed(texts)
    follows = [rng.choice(len(words), 2, replace=False) for _ in range(_USERS)]
    order, published, story = rng.permutation(len(texts)), 0, []
    ranks = np.empty(len(texts), np.int64)
    ranks[order] = np.arange(len(texts))
    for number in range(events):
        due = _FIRST_PUBLISHED + (len(texts) - _FIRST_PUBLISHED) * number // events
        fresh = [Described(f"q{row}", None, vectors[row]) for row in order[published:due]]
        published = due
        user = int(rng.integers(_USERS))
        word = words[follows[user][int(rng.integers(2))]]
        choice = word[ranks[word] < published]
        if rng.random() < _ELSEWHERE or not len(choice):
            choice = order[:published]
        action = view(f"u{user}", f"q{rng.choice(choice)}", START_MS + number * 60_000, "buy")
        story.append(Told(action, fresh))
    return story


def read_questions(file: Path) -> list[str]:
    """The texts of lines that begin with a label, each once."""
    lines = file.read_text(encoding="latin-1").splitlines()
    return list(dict.fromkeys(line.partition(" ")[2] for line in lines if line))


def _vectors(texts: list[str]) -> NDArray[np.float32]:
    """`(texts, 64)` of unit length; of a text without any known word at random, but the same."""
    counted = TfidfVectorizer(sublinear_tf=True, stop_words="english").fit_transform(texts)
    found = TruncatedSVD(_NUMBERS, random_state=0).fit_transform(counted)
    noise = np.random.default_rng(0).normal(size=found.shape) * 1e-6
    vectors: NDArray[np.float32] = normalize(found + noise).astype(np.float32)
    return vectors


def _followed(texts: list[str]) -> list[NDArray[np.int64]]:
    """Which texts have each word that neither few nor many have."""
    least, most = _FOLLOWED
    held = CountVectorizer(
        stop_words="english", binary=True, min_df=least, max_df=most
    ).fit_transform(texts)
    return [held[:, word].nonzero()[0].astype(np.int64) for word in range(held.shape[1])]
