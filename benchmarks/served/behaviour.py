"""Sessions of clicks: the recommender learns as it serves, and is asked what comes next."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from aimass_stream.records import Recommendation, Record
from aimass_stream.records.behaviour import read_behaviour
from aimass_stream.verify.oracle import Watched
from benchmarks.served.application import read_topic, serve

FILE = "tmall_train.jsonl"
EVENTS = 40_000
"""Clicks that are sent; the last quarter of them is scored, all of it is learnt."""
SHOWN = 10
WATCHED = Watched("recommend", "aimass-demo.recommender.log", "recommendations")

_recommendation = msgspec.json.Decoder(Recommendation)


def run(url: str, state: Path, data: Path) -> dict[str, Any]:
    """Send visits, one user each, and see whether the next item was on the list before it."""
    produce = ["behaviour", str(data / FILE), "--format", "sessions", "--limit", str(EVENTS)]
    served = asyncio.run(serve(url, state, produce, WATCHED, EVENTS))
    answers = asyncio.run(read_topic(url, "recommendations"))
    lists = {record.root: _recommendation.decode(record.bytes) for record in answers.values()}
    clicks = [record for _, record in sorted(served.records.items())]
    counts: Counter[str] = Counter()
    hits = popular_hits = asked = 0
    for number, (record, item, following) in enumerate(_with_next(clicks)):
        counts[item] += 1
        if number < 0.75 * EVENTS or following is None:
            continue
        asked += 1
        shown = lists.get(record.root)
        hits += shown is not None and following in [one.item for one in shown.items[:SHOWN]]
        popular_hits += following in [one for one, _ in counts.most_common(SHOWN)]
    return {
        **served.counts(),
        "scored_rows": asked,
        "hit_rate_at_10": round(hits / asked, 4),
        "baseline": round(popular_hits / asked, 4),
        "baseline_is": "the most popular items so far",
    }


def _with_next(clicks: list[Record]) -> Iterator[tuple[Record, str, str | None]]:
    """Each click of the log with its item, and the item its user clicked next."""
    items = [read_behaviour(record.bytes, record.timestamp_ms) for record in clicks]
    following: dict[str, str] = {}
    nexts: list[str | None] = [None] * len(items)
    for row in range(len(items) - 1, -1, -1):
        nexts[row] = following.get(items[row].user)
        following[items[row].user] = items[row].item or ""
    return ((r, i.item or "", n) for r, i, n in zip(clicks, items, nexts, strict=True))
