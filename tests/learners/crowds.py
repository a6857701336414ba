"""Shops full of people, with programs among them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from aimass_stream.learner import Event
from tests.learners.events import event_of

PUSHED = "pushed"
"""The item that a farm is for."""

SCRIPT = ("i1", "i4", "i2", "i7", "i3", "i9", "i5", PUSHED)
"""What a farm does."""

Doing = tuple[float, str, str]
"""Seconds, user, item."""


def people(users: int, items: int, hours: float, *, seed: int = 0) -> list[Doing]:
    """People who come in sessions, each with a pace of their own, and follow what leads where."""
    rng = np.random.default_rng(seed)
    popular = rng.zipf(1.5, size=items).clip(max=100).astype(float)
    popular /= popular.sum()
    leads = rng.choice(items, size=(items, 3), p=popular).tolist()
    doings: list[Doing] = []
    for user in range(users):
        pace_s = float(np.exp(rng.normal(2.0, 0.6)))
        clock_s = float(rng.exponential(1800))
        while clock_s < hours * 3600:
            length = int(rng.geometric(1 / 12))
            gaps_s = pace_s * np.exp(rng.normal(0, 0.8, length))
            others = rng.choice(items, size=length, p=popular).tolist()
            ways = rng.integers(5, size=length).tolist()
            at = others[0]
            for gap_s, other, way in zip(gaps_s.tolist(), others, ways, strict=True):
                doings.append((clock_s, f"u{user}", f"i{at}"))
                clock_s += gap_s
                at = leads[at][way] if way < 3 else other
            clock_s += float(rng.exponential(1800))
    return sorted(doings)


def farm(members: int, start_s: float, rounds: int, *, seed: int = 1) -> list[Doing]:
    """Members who, now and then and none quite like the others, run one script."""
    rng = np.random.default_rng(seed)
    doings = []
    for turn in range(rounds):
        for member in range(members):
            clock_s = start_s + 300 * turn + float(rng.uniform(0, 30))
            for item in SCRIPT:
                doings.append((clock_s, f"farm{member}", item))
                clock_s += float(np.exp(rng.normal(1.5, 0.7)))
    return sorted(doings)


def every(user: str, gap_s: float, start_s: float, actions: int, items: int) -> list[Doing]:
    """A program that acts at even intervals, give or take a little."""
    rng = np.random.default_rng(2)
    times = start_s + gap_s * (np.arange(actions) + rng.uniform(-0.03, 0.03, actions))
    return [(float(at), user, f"i{rng.integers(items)}") for at in times]


def log_of(*doings: list[Doing]) -> Iterator[Event]:
    """All of them in the order of time, as views."""
    for i, (at_s, user, item) in enumerate(heapq.merge(*doings)):
        value = {"user": user, "kind": "view", "item": item}
        yield event_of(i, value, key=user, after_ms=round(at_s * 1000))
