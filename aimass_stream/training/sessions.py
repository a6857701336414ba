"""Behaviour with known truth: what the demo streams, and what its report is measured by.

People of a small city move between home, work and shop, and visit a shop on their phones. About
one event in a hundred is planted: positions no person can have, places they never were, clicks
of a bot, buys without a look. None of this is known to what detects or recommends: nothing here
is imported there, nor the other way round.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from aimass_stream.records.behaviour import encode_event, encode_position
from aimass_stream.training.city import Detour, Person
from aimass_stream.training.shop import Shop

START_MS = 1_756_710_000_000
"""Event time of the first events: a Monday in September 2025, 07:00 UTC."""
ANOMALIES = ("teleport", "far_away", "odd_dwell", "bot_burst", "buying_spree")
"""What is planted."""

_WEIGHTS = (0.45, 0.15, 0.1, 0.1, 0.2)
_SIZES = {
    "teleport": (1, 1),
    "far_away": (2, 5),
    "odd_dwell": (5, 9),
    "bot_burst": (12, 25),
    "buying_spree": (5, 8),
}
_MEAN_SIZE = sum(
    weight * sum(_SIZES[name]) / 2 for name, weight in zip(ANOMALIES, _WEIGHTS, strict=True)
)
_VISIT_EVERY_MS = 1.2 * 3600 * 1000
_VIEW_SHARE, _BUY_SHARE = 0.4, 0.12


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of an event, and sent to nobody.

    Attributes:
        anomaly: one of `ANOMALIES`; None for ordinary events.
        incident: the same for all events of one anomaly; None for ordinary events.
        is_echo: ordinary, but odd beside an anomaly: an alarm is neither right nor wrong.
        next_item: what the user turns to next in the same visit; None when it ends, and for
            positions and anomalies.
    """

    anomaly: str | None = None
    incident: int | None = None
    is_echo: bool = False
    next_item: str | None = None


class Event(NamedTuple):
    """An event to send.

    Attributes:
        value: the record's value.
        key: the record's key, the user's id.
        time_ms: event time, milliseconds since the epoch; the value says so too.
        truth: for the caller to keep.
    """

    value: bytes
    key: bytes
    time_ms: int
    truth: Truth


class _Step(NamedTuple):
    """What is due: a position, a visit, a step of a visit, or a planted action."""

    time_ms: int
    order: int
    user: int
    what: str
    items: Sequence[str] = ()
    kind: str = ""
    incident: int | None = None


def behaviour_events(
    users: int = 100,
    *,
    items: int = 300,
    anomaly_share: float = 0.01,
    seed: int = 0,
    start_ms: int = START_MS,
    first_user: int = 0,
) -> Iterator[Event]:
    """Events without end, in order of event time; the same arguments give the same events.

    A user has some 190 positions and 130 actions a day.

    Args:
        users: how many people.
        items: how many things the shop has.
        anomaly_share: the part of events that is planted, 0 to 0.2.
        seed: of everything that is drawn.
        start_ms: event time of the beginning.
        first_user: number of the first user, so that several runs have different ones.
    """
    return _World(users, items, anomaly_share, seed, start_ms, first_user).events()


class _World:
    def __init__(
        self,
        users: int,
        items: int,
        anomaly_share: float,
        seed: int,
        start_ms: int,
        first_user: int,
    ) -> None:
        self._first_user = first_user
        self._draw = random.Random(seed)  # noqa: S311 - a simulation, no secret
        self._shop = Shop(items, self._draw, start_ms)
        self._people = [Person(self._draw, start_ms) for _ in range(users)]
        self._tastes = [self._shop.draw_taste() for _ in range(users)]
        # Every planted incident brings a few events, so it begins that much more rarely.
        self._chance = anomaly_share / (1 - anomaly_share) / _MEAN_SIZE
        self._order, self._incidents = count(), count()
        self._due: list[_Step] = []
        for user in range(users):
            self._plan(start_ms + self._draw.randrange(240_000), user, "position")
            self._plan(start_ms + int(self._draw.random() * _VISIT_EVERY_MS), user, "visit")

    def events(self) -> Iterator[Event]:
        while True:
            step = heapq.heappop(self._due)
            if step.what == "visit":
                self._visit(step)
                continue
            event = self._position(step) if step.what == "position" else self._action(step)
            yield event
            if event.truth == Truth() or event.truth.next_item is not None:
                self._perhaps_plant(step)

    def _plan(
        self,
        time_ms: int,
        user: int,
        what: str,
        items: Sequence[str] = (),
        kind: str = "",
        incident: int | None = None,
    ) -> None:
        step = _Step(time_ms, next(self._order), user, what, items, kind, incident)
        heapq.heappush(self._due, step)

    def _position(self, step: _Step) -> Event:
        person, user = self._people[step.user], self._name(step.user)
        fix = person.move(step.time_ms)
        self._plan(step.time_ms + person.wait_ms(), step.user, "position")
        detour = fix.detour
        truth = (
            Truth(is_echo=fix.is_echo) if detour is None else Truth(detour.anomaly, detour.number)
        )
        value = encode_position(user, fix.lat, fix.lon, step.time_ms)
        return Event(value, user.encode(), step.time_ms, truth)

    def _visit(self, step: _Step) -> None:
        """Plan the first step of a visit; at night only the next visit."""
        if 7 <= step.time_ms / 3_600_000 % 24 < 23:
            items = self._shop.draw_session(self._tastes[step.user], step.time_ms)
            self._plan(step.time_ms, step.user, "action", items, self._look())
        else:
            self._plan_visit(step)

    def _plan_visit(self, step: _Step) -> None:
        wait_ms = 60_000 + int(self._draw.expovariate(1 / _VISIT_EVERY_MS))
        self._plan(step.time_ms + wait_ms, step.user, "visit")

    def _action(self, step: _Step) -> Event:
        user, items = self._name(step.user), step.items
        value = encode_event(user, items[0], step.kind, step.time_ms)
        if step.incident is not None:
            anomaly = "buying_spree" if step.kind == "buy" else "bot_burst"
            return Event(value, user.encode(), step.time_ms, Truth(anomaly, step.incident))
        wait_ms = int(20_000 * math.exp(self._draw.gauss(0, 0.9)))
        if step.kind == "click" and self._draw.random() < _BUY_SHARE:
            self._plan(step.time_ms + wait_ms, step.user, "action", items, "buy")
        elif items[1:]:
            self._plan(step.time_ms + wait_ms, step.user, "action", items[1:], self._look())
        else:
            self._plan_visit(step)
        truth = Truth(next_item=items[1] if items[1:] else None)
        return Event(value, user.encode(), step.time_ms, truth)

    def _look(self) -> str:
        return "view" if self._draw.random() < _VIEW_SHARE else "click"

    def _perhaps_plant(self, step: _Step) -> None:
        if self._draw.random() >= self._chance:
            return
        anomaly = self._draw.choices(ANOMALIES, _WEIGHTS)[0]
        size, incident = self._draw.randint(*_SIZES[anomaly]), next(self._incidents)
        if anomaly in ("bot_burst", "buying_spree"):
            self._plant_actions(step, anomaly, size, incident)
            return
        # Whoever is on a detour already is left alone; somebody else is found.
        free = [person for person in self._people if person.is_free]
        if free:
            self._draw.choice(free).begin(Detour(anomaly, incident, size))

    def _plant_actions(self, step: _Step, anomaly: str, size: int, incident: int) -> None:
        time_ms, is_bot = step.time_ms + 1_000, anomaly == "bot_burst"
        for _ in range(size):
            time_ms += self._draw.randint(40, 400) if is_bot else self._draw.randint(4_000, 25_000)
            kind = "click" if is_bot else "buy"
            items = [self._shop.draw_any()]
            self._plan(time_ms, step.user, "action", items, kind, incident)

    def _name(self, user: int) -> str:
        return f"user-{self._first_user + user:04}"
