"""Two public protocols, and what an event costs among many items.

* sessions (`*train.jsonl`, a list of items a line, and `*test.jsonl`,
  `{"seen": [...], "next": item}`): learn the training sessions in one pass, in order; then rank
  items for each prefix. P@20 is the share of prefixes whose next item is among 20.
* feed (`ratings.csv`: user, item, rating, timestamp; ratings from 4, by time, equal times in the
  order of the file): for each event rank what the user has not had, then learn; new items count
  as misses.
* catalogue: events of users who wander through 100,000 items, for what an event costs there.

Baselines stand beside: the most popular items of the same moment, of equal ones the middle rank.
The recommender's answer is an order without equals. Times are CPU time of one thread; an event's
is that of ranking for its user and of learning it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.recommendation.state import RecommenderState
from benchmarks.learning.recommend.events import (
    START_MS,
    Liked,
    place_of,
    read_liked,
    read_lines,
    view,
)
from benchmarks.learning.recommend.tally import Clock, Favourites, Tally

_CATALOGUE = 100_000
_WANDERERS = 2_000
_TIMED = 5_000
_CURVE_POINTS = 24

Measures = dict[str, Any]
Watcher = Callable[[Liked, Sequence[str]], None]


def sessions(folder: Path, part: float) -> Measures:
    """The protocol of next items in sessions."""
    state = RecommenderState(Recommender("sessions", top=20).settings)
    learning, ranking = Clock(), Clock()
    favourites = learn_sessions(state, folder, clock=learning)
    popular = [item for item, _ in favourites.most_common(20)]
    blend, baseline = Tally(), Tally()
    tests = list(read_lines(folder, "*test.jsonl"))
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


def learn_sessions(
    state: RecommenderState, folder: Path, part: float = 1.0, *, clock: Clock
) -> Counter[str]:
    """Learn the training sessions, or the latest part of them; how often each item came."""
    counts: Counter[str] = Counter()
    lines = list(read_lines(folder, "*train.jsonl"))
    for number, session in enumerate(lines[len(lines) - round(len(lines) * part) :]):
        for place, item in enumerate(map(str, session)):
            with clock:
                state.learn([view(f"s{number}", item, START_MS + place)])
            counts[item] += 1
    return counts


def ask_and_tell(
    liked: Sequence[Liked],
    states: Sequence[RecommenderState],
    *,
    clock: Clock,
    watch: Watcher | None = None,
) -> Tally:
    """Have a user's state rank before each event, then learn it.

    Args:
        liked: the events.
        states: of which each user has one, by a hash.
        clock: of ranking and learning.
        watch: sees each event and the items that were shown before it.
    """
    tally = Tally()
    for event in liked:
        state, action = states[place_of(event.user, len(states))], event.action
        with clock:
            answer = state.recommend(event.user)
            state.learn([action])
        shown = [found.item for found in answer.items]
        tally.add(shown, event.item)
        if watch is not None:
            watch(event, shown)
    return tally


def feed(folder: Path, part: float) -> Measures:
    """The prequential protocol."""
    liked = read_liked(folder, part)
    users = {user: place for place, user in enumerate(dict.fromkeys(one.user for one in liked))}
    items = {item: place for place, item in enumerate(dict.fromkeys(one.item for one in liked))}
    favourites, baseline, clock = Favourites(len(users), len(items)), Tally(), Clock()

    def rank(event: Liked, _shown: Sequence[str]) -> None:
        user, item = users[event.user], items[event.item]
        baseline.add_rank(favourites.rank(user, item), 10)
        favourites.add(user, item)

    state = RecommenderState(Recommender("feed").settings)
    blend = ask_and_tell(liked, [state], clock=clock, watch=rank)
    print(f"feed: HR@10 / MRR@10 {blend}, popular {baseline}, {len(liked):,} events")
    print(f"  rank and learn {clock}", flush=True)
    return {
        "feed_hr10": blend.shares[0],
        "feed_mrr10": blend.shares[1],
        "feed_popular_hr10": baseline.shares[0],
        "feed_popular_mrr10": baseline.shares[1],
        "feed_records_per_s": clock.records_per_s,
        "feed_p99_ms": clock.p99_ms,
        "feed_curve": {
            "events": len(liked),
            "recommender": blend.curve(_CURVE_POINTS),
            "popular": baseline.curve(_CURVE_POINTS),
        },
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
        action = view(f"u{user}", f"i{item}", START_MS + number * 1000)
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
