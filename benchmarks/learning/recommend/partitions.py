"""Users spread over four partitions: what becomes of quality.

All of them feed one log, as `app.feed` does. Where a feed keeps up, few records of a partition are
written before the next one's; in a backlog many are, and the order of events is lost for as long.
Beside both stands what a state for each partition would reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.recommendation.state import RecommenderState
from benchmarks.learning.recommend.events import Liked, place_of, read_liked
from benchmarks.learning.recommend.protocols import Measures, ask_and_tell
from benchmarks.learning.recommend.tally import Clock, Tally

PARTITIONS = 4
_READ_RECORDS = (10, 500)


def partitions(folder: Path, part: float) -> Measures:
    """The feed, with users spread over four partitions."""
    return {"partitions": compare(read_liked(folder, part), _READ_RECORDS)}


def compare(liked: Sequence[Liked], read_records: Sequence[int]) -> dict[str, Measures]:
    """From one partition, from four into one log, and with a state for each of the four.

    Args:
        liked: the events.
        read_records: of a partition, before the next one is read; each of these is tried.
    """
    spread = spread_users(liked, PARTITIONS)
    logs = {records: backlog(spread, records) for records in read_records}
    tallies = {
        "one partition": _tally(liked, 1),
        **{f"one log, {records} at a time": _tally(log, 1) for records, log in logs.items()},
        "a state each": _tally(liked, PARTITIONS),
    }
    for name, tally in tallies.items():
        print(f"partitions, {name}: HR@10 / MRR@10 {tally}", flush=True)
    return {
        name: dict(zip(("hr10", "mrr10"), tally.shares, strict=True))
        for name, tally in tallies.items()
    }


def spread_users(liked: Sequence[Liked], count: int) -> list[list[Liked]]:
    """The events of each partition, in order; a user's are in one."""
    spread: list[list[Liked]] = [[] for _ in range(count)]
    for event in liked:
        spread[place_of(event.user, count)].append(event)
    return spread


def backlog(spread: Sequence[Sequence[Liked]], records: int) -> list[Liked]:
    """One log of all partitions, so many records of each at a time."""
    longest = max(map(len, spread), default=0)
    return [
        event
        for begin in range(0, longest, records)
        for partition in spread
        for event in partition[begin : begin + records]
    ]


def _tally(liked: Sequence[Liked], states: int) -> Tally:
    made = [RecommenderState(Recommender("feed").settings) for _ in range(states)]
    return ask_and_tell(liked, made, clock=Clock())
