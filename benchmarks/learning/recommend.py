"""How good the recommender is, by two public protocols.

```
python -m benchmarks.learning.recommend DATA [--part 1.0]
```

* sessions (`DATA/behaviour`: `*train.jsonl`, a list of items a line, and `*test.jsonl`,
  `{"seen": [...], "next": item}`): learn the training sessions in one pass, in order; then rank
  items for each prefix. P@20 is the share of prefixes whose next item is among 20.
* feed (`DATA/feed/ratings.csv`: user, item, rating, timestamp; ratings from 4): for each event
  in order, rank what the user has not had, then learn; new items count as misses.

Baselines stand beside: the most popular items of the same moment.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.recommendation.state import RecommenderState
from aimass_stream.records.behaviour import Action

_DAY_MS = 86_400_000
_START_MS = 1_600_000_000_000


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

    @property
    def shares(self) -> tuple[float, float]:
        """Hit rate and mean reciprocal rank."""
        return self.hits / self.asked, self.ranks / self.asked

    def __str__(self) -> str:
        return f"{self.hits / self.asked:.4f} / {self.ranks / self.asked:.4f}"


def view(user: str, item: str, time_ms: int, kind: str = "view") -> Action:
    """An event of a user."""
    return Action(user, kind, item, None, None, time_ms)  # type: ignore[arg-type]  # one of the kinds, as read


def sessions(folder: Path, part: float) -> Tally:
    """The protocol of next items in sessions; what the recommender got."""
    state = RecommenderState(Recommender("sessions", top=20).settings)
    favourites: Counter[str] = Counter()
    events, started = 0, time.perf_counter()
    for number, session in enumerate(_lines(folder, "*train.jsonl")):
        items = [str(item) for item in session]
        times = range(_START_MS, _START_MS + len(items))
        state.learn([view(f"s{number}", *pair) for pair in zip(items, times, strict=True)])
        favourites.update(items)
        events += len(items)
    learnt = time.perf_counter() - started
    popular = [item for item, _ in favourites.most_common(20)]
    blend, baseline = Tally(), Tally()
    tests = list(_lines(folder, "*test.jsonl"))
    tests = tests[:: max(1, round(1 / part))]
    started = time.perf_counter()
    for test in tests:
        shown = state.recommend_to([str(item) for item in test["seen"]])
        blend.add([item.item for item in shown.items], str(test["next"]))
        baseline.add(popular, str(test["next"]))
    asked = time.perf_counter() - started
    print(f"sessions: P@20 / MRR@20 {blend}, popular {baseline}, {len(tests):,} prefixes")
    print(
        f"  learn {learnt / events * 1e6:.0f} us, rank {asked / len(tests) * 1e6:.0f} us an event"
    )
    return blend


def feed(folder: Path, part: float) -> Tally:
    """The prequential protocol; what the recommender got."""
    with (folder / "ratings.csv").open(newline="") as file:
        ratings = [row for row in csv.reader(file) if row[2] not in {"rating"}]
    liked = [
        (int(time_s), user, item) for user, item, rating, time_s in ratings if float(rating) >= 4
    ]
    liked.sort(key=lambda event: event[0])
    liked = liked[: int(len(liked) * part)]
    state = RecommenderState(Recommender("feed").settings)
    favourites: Counter[str] = Counter()
    had: dict[str, set[str]] = {}
    blend, baseline = Tally(), Tally()
    slowest: list[float] = []
    started = time.perf_counter()
    spent = 0.0
    for number, (time_s, user, item) in enumerate(liked):
        begun = time.perf_counter()
        shown = [found.item for found in state.recommend(user).items]
        state.learn([view(user, item, time_s * 1000, "buy")])
        slowest.append(time.perf_counter() - begun)
        spent += slowest[-1]
        blend.add(shown, item)
        owned = had.setdefault(user, set())
        if number % 20 == 0:
            leading = [name for name, _ in favourites.most_common(10 + len(owned))]
            baseline.add([name for name in leading if name not in owned][:10], item)
        favourites[item] += 1
        owned.add(item)
    p99 = sorted(slowest)[int(len(slowest) * 0.99)]
    print(f"feed: HR@10 / MRR@10 {blend}, popular {baseline} (every 20th), {len(liked):,} events")
    print(
        f"  rank and learn {spent / len(liked) * 1e6:.0f} us an event, p99 {p99 * 1e3:.1f} ms, "
        f"in all {time.perf_counter() - started:.0f} s"
    )
    return blend


def _lines(folder: Path, pattern: str) -> Iterator[Any]:
    (path,) = folder.glob(pattern)
    with path.open("rb") as file:
        yield from map(orjson.loads, file)


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", type=float, default=1.0, help="share of the questions to ask")
    chosen = parser.parse_args()
    sessions(chosen.data / "behaviour", chosen.part)
    feed(chosen.data / "feed", chosen.part)


if __name__ == "__main__":
    main()
