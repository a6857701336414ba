"""Users spread over four partitions: what becomes of quality.

All of them feed one log, as `app.feed` does. What lies in the partitions when they are read is
written partition by partition, so the order of events is lost within that window: a small one where
the feed keeps up, a large one behind a backlog. Beside both stands what a state for each partition
would reach.
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
_WINDOWS = (40, 2_000)


def partitions(folder: Path, part: float) -> Measures:
    """The feed, with users spread over four partitions."""
    return {"partitions": compare(read_liked(folder, part), _WINDOWS)}


def compare(liked: Sequence[Liked], windows: Sequence[int]) -> dict[str, Measures]:
    """From one partition, from four into one log, and with a state for each of the four.

    Args:
        liked: the events.
        windows: events of all partitions that lie there when they are read in turn; each is tried.
    """
    logs = {window: regrouped(liked, PARTITIONS, window) for window in windows}
    tallies = {
        "one partition": _tally(liked, 1),
        **{f"one log, windows of {window}": _tally(log, 1) for window, log in logs.items()},
        "a state each": _tally(liked, PARTITIONS),
    }
    for name, tally in tallies.items():
        print(f"partitions, {name}: HR@10 / MRR@10 {tally}", flush=True)
    return {
        name: dict(zip(("hr10", "mrr10"), tally.shares, strict=True))
        for name, tally in tallies.items()
    }


def regrouped(liked: Sequence[Liked], count: int, window: int) -> list[Liked]:
    """The log that comes of reading so many partitions in turn, a window of events at a time."""
    return [
        event
        for begin in range(0, len(liked), window)
        for event in sorted(
            liked[begin : begin + window], key=lambda one: place_of(one.user, count)
        )
    ]


def _tally(liked: Sequence[Liked], states: int) -> Tally:
    made = [RecommenderState(Recommender("feed").settings) for _ in range(states)]
    return ask_and_tell(liked, made, clock=Clock())
