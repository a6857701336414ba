"""How good the recommender is, by two public protocols, and what it costs.

```
python -m benchmarks.learning.recommend DATA [--part 1.0]
```

* sessions (`DATA/behaviour`: `*train.jsonl`, a list of items a line, and `*test.jsonl`,
  `{"seen": [...], "next": item}`): learn the training sessions in one pass, in order; then rank
  items for each prefix. P@20 is the share of prefixes whose next item is among 20.
* feed (`DATA/feed/ratings.csv`: user, item, rating, timestamp; ratings from 4, by time, equal
  times in the order of the file): for each event rank what the user has not had, then learn;
  new items count as misses.
* catalogue: events of users who wander through 100,000 items, for what an event costs there.

Baselines stand beside: the most popular items of the same moment, of equal ones the middle rank.
The recommender's answer is an order without equals. Times are CPU time of one thread; an event's
is that of ranking for its user and of learning it.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.recommendation.state import RecommenderState
from aimass_stream.records.behaviour import Action

_START_MS = 1_600_000_000_000
_CATALOGUE = 100_000
_WANDERERS = 2_000
_TIMED = 5_000

Measures = dict[str, float]


class Tally:
    """Hits and reciprocal ranks within a list."""

    def __init__(self) -> None:
        self.asked = 0
        self.hits = 0
        self.ranks = 0.0

    def add(self, shown: list[str], came: str) -> None:
        """Count a list and what came."""
        self.asked += 1
        if came in shown:
            self.hits += 1
            self.ranks += 1 / (shown.index(came) + 1)

    def add_rank(self, rank: float, within: int) -> None:
        """Count the rank of what came."""
        self.asked += 1
        if rank <= within:
            self.hits += 1
            self.ranks += 1 / rank

    @property
    def shares(self) -> tuple[float, float]:
        """Hit rate and mean reciprocal rank."""
        return self.hits / self.asked, self.ranks / self.asked

    def __str__(self) -> str:
        return "{:.4f} / {:.4f}".format(*self.shares)


class Clock:
    """CPU seconds of events, each begun and ended."""

    def __init__(self) -> None:
        self._spent: list[float] = []
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.process_time()

    def __exit__(self, *_: object) -> None:
        self._spent.append(time.process_time() - self._begun)

    @property
    def records_per_s(self) -> float:
        """Events in a second of CPU."""
        return 1 / float(np.mean(self._spent))

    @property
    def p99_ms(self) -> float:
        """CPU milliseconds that 99 of 100 events stay within."""
        return float(np.quantile(self._spent, 0.99)) * 1e3

    def __str__(self) -> str:
        return f"{self.records_per_s:,.0f} records/s, p99 {self.p99_ms:.2f} ms of CPU"


class Favourites:
    """The baseline: items by how often they were had, without those the user has had."""

    def __init__(self, users: int, items: int) -> None:
        self._counts: NDArray[np.int64] = np.zeros(items, np.int64)
        self._had: NDArray[np.bool_] = np.zeros((users, items), np.bool_)

    def rank(self, user: int, item: int) -> float:
        """The rank of an item for a user, of equal ones the middle; infinite for a new item."""
        if not self._counts[item]:
            return float("inf")
        counts = np.where(self._had[user], 0, self._counts)
        mine = counts[item]
        if not mine:
            return float("inf")
        return float((counts > mine).sum() + ((counts == mine).sum() + 1) / 2)

    def add(self, user: int, item: int) -> None:
        """Count an item that a user had."""
        self._counts[item] += 1
        self._had[user, item] = True


def view(user: str, item: str, time_ms: int, kind: str = "view") -> Action:
    """An event of a user."""
    return Action(user, kind, item, None, None, time_ms)  # type: ignore[arg-type]  # one of the kinds, as read


def sessions(folder: Path, part: float) -> Measures:
    """The protocol of next items in sessions."""
    state = RecommenderState(Recommender("sessions", top=20).settings)
    favourites: Counter[str] = Counter()
    learning, ranking = Clock(), Clock()
    for number, session in enumerate(_lines(folder, "*train.jsonl")):
        for place, item in enumerate(map(str, session)):
            with learning:
                state.learn([view(f"s{number}", item, _START_MS + place)])
            favourites[item] += 1
    popular = [item for item, _ in favourites.most_common(20)]
    blend, baseline = Tally(), Tally()
    tests = list(_lines(folder, "*test.jsonl"))
    tests = tests[:: max(1, round(1 / part))]
    for test in tests:
        with ranking:
            shown = state.recommend_to([str(item) for item in test["seen"]])
        blend.add([item.item for item in shown.items], str(test["next"]))
        baseline.add(popular, str(test["next"]))
    print(f"sessions: P@20 / MRR@20 {blend}, popular {baseline}, {len(tests):,} prefixes")
    print(f"  learn {learning}; rank {ranking}", flush=True)
    return {
        "session_p20": blend.shares[0],
        "session_mrr20": blend.shares[1],
        "session_popular_p20": baseline.shares[0],
        "session_popular_mrr20": baseline.shares[1],
        "session_learn_records_per_s": learning.records_per_s,
        "session_rank_records_per_s": ranking.records_per_s,
    }


def feed(folder: Path, part: float) -> Measures:
    """The prequential protocol."""
    liked = _liked(folder, part)
    users = {user: place for place, user in enumerate(dict.fromkeys(user for _, user, _ in liked))}
    items = {item: place for place, item in enumerate(dict.fromkeys(item for *_, item in liked))}
    favourites = Favourites(len(users), len(items))
    state = RecommenderState(Recommender("feed").settings)
    blend, baseline, clock = Tally(), Tally(), Clock()
    for time_s, user, item in liked:
        action = view(user, item, time_s * 1000, "buy")
        with clock:
            shown = state.recommend(user)
            state.learn([action])
        blend.add([found.item for found in shown.items], item)
        baseline.add_rank(favourites.rank(users[user], items[item]), 10)
        favourites.add(users[user], items[item])
    print(f"feed: HR@10 / MRR@10 {blend}, popular {baseline}, {len(liked):,} events")
    print(f"  rank and learn {clock}", flush=True)
    return {
        "feed_hr10": blend.shares[0],
        "feed_mrr10": blend.shares[1],
        "feed_popular_hr10": baseline.shares[0],
        "feed_popular_mrr10": baseline.shares[1],
        "feed_records_per_s": clock.records_per_s,
        "feed_p99_ms": clock.p99_ms,
    }


def catalogue(part: float) -> Measures:
    """What an event costs among 100,000 items, all of them seen before the clock is looked at."""
    state = RecommenderState(Recommender("catalogue", items=_CATALOGUE).settings)
    rng = np.random.default_rng(0)
    known = int(_CATALOGUE * part)
    order = rng.permutation(known)
    where = rng.integers(known, size=_WANDERERS)
    clock = Clock()
    for number in range(known + _TIMED):
        user = int(rng.integers(_WANDERERS))
        near = rng.random() < 0.5
        where[user] = (where[user] + rng.integers(1, 5)) % known if near else _popular(rng, known)
        item = order[number] if number < known else where[user]
        action = view(f"u{user}", f"i{item}", _START_MS + number * 1000)
        if number < known:
            state.learn([action])
            continue
        with clock:
            state.score([action])
            state.learn([action])
    print(f"catalogue: {state.items_seen:,} items, rank and learn {clock}", flush=True)
    return {
        "catalogue_items": state.items_seen,
        "catalogue_records_per_s": clock.records_per_s,
        "catalogue_p99_ms": clock.p99_ms,
    }


def _popular(rng: np.random.Generator, items: int) -> int:
    return int(rng.zipf(1.2)) % items


def _liked(folder: Path, part: float) -> list[tuple[int, str, str]]:
    """Time in seconds, user and item of each rating from 4, by time."""
    with (folder / "ratings.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    liked = [(int(time_s), user, item) for user, item, rating, time_s in rows if float(rating) >= 4]
    liked.sort(key=lambda event: event[0])
    return liked[: int(len(liked) * part)]


def _lines(folder: Path, pattern: str) -> Iterator[Any]:
    (path,) = folder.glob(pattern)
    with path.open("rb") as file:
        yield from map(orjson.loads, file)


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", type=float, default=1.0, help="share of the questions to ask")
    chosen = parser.parse_args()
    sessions(chosen.data / "behaviour", chosen.part)
    feed(chosen.data / "feed", chosen.part)
    catalogue(chosen.part)


if __name__ == "__main__":
    main()
