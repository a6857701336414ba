"""What is unusual about where people go is found and named, and what they always do is not."""

from collections import Counter
from collections.abc import Iterable, Iterator
from math import cos, radians
from typing import Any

import numpy as np
import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.trajectories import Fence, TrajectoryDetector
from aimass_stream.learners.trajectories.fences import within
from aimass_stream.learners.trajectories.next_place import NextPlace
from aimass_stream.learners.trajectories.state import TrajectoryState
from aimass_stream.records import Surprise
from tests.learners.events import event_of

Row = tuple[int, str, float, float]
"""Seconds, user, metres north, metres east."""

HOME, WORK, SHOP, AWAY = (0.0, 0.0), (3_000.0, 0.0), (3_000.0, 2_000.0), (-4_000.0, 500.0)
KNOWS: dict[str, Any] = {"warm_records": 40, "rest_records": 0}
SQUARE = ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0))
NOTCHED = ((0.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, 2.0), (1.0, 1.5), (3.0, 1.0), (3.0, 0.0))


def state_of(**settings: Any) -> TrajectoryState:
    return TrajectoryState(TrajectoryDetector("ways", **settings).settings)


def log_of(rows: Iterable[Row]) -> list[Event]:
    return [
        event_of(
            i,
            {
                "user": user,
                "kind": "position",
                "lat": 50 + north / 111_195,
                "lon": 8 + east / (111_195 * cos(radians(50))),
            },
            after_ms=at * 1000,
        )
        for i, (at, user, north, east) in enumerate(sorted(rows))
    ]


def answers(state: TrajectoryState, events: Iterable[Event]) -> list[Surprise | None]:
    found = []
    for event in events:
        inputs = [state.read(event)]
        found += state.score(inputs)
        state.learn(inputs)
    return found


def tour(user: str, stops: Iterable[tuple[float, float]], start_s: int, seed: int) -> Iterator[Row]:
    """A position a minute: ten metres a second straight from stop to stop, 15 minutes at each."""
    rng = np.random.default_rng(seed)
    at, here = start_s, None
    for stop in stops:
        way = np.array([stop]) if here is None else np.linspace(here, stop, _minutes(here, stop))
        for north, east in [*way.tolist(), *[stop] * 15]:
            jitter_north, jitter_east = rng.normal(0, 10, 2).tolist()
            yield at, user, north + jitter_north, east + jitter_east
            at += 60
        here = stop


def _minutes(start: tuple[float, float], end: tuple[float, float]) -> int:
    return max(2, round(float(np.hypot(*np.subtract(end, start))) / 600))


def commuters(users: int, days: int) -> list[Row]:
    """Each goes home, to work, home, to the shop, and again, from a start of their own."""
    stops = (HOME, WORK, HOME, SHOP) * days
    return [row for i in range(users) for row in tour(f"u{i}", stops, 600 * i, i)]


@pytest.fixture(scope="module")
def commuted() -> tuple[Snapshot, list[Surprise]]:
    """A state that knows ten commuters, and its answers on the second half of their time."""
    state = state_of(**KNOWS)
    found = [one for one in answers(state, log_of(commuters(10, 10))) if one is not None]
    return state.snapshot(), found[len(found) // 2 :]


def next_day(
    stops: Iterable[tuple[float, float]], bend: dict[int, tuple[float, float]]
) -> list[Row]:
    """A tour of u1 after all others, with positions of it moved, by number."""
    rows = list(tour("u1", stops, 500_000, 99))
    for i, (north, east) in bend.items():
        rows[i] = (*rows[i][:2], rows[i][2] + north, rows[i][3] + east)
    return rows


def test_who_goes_the_usual_way_raises_no_more_than_the_alarm_share(
    commuted: tuple[Snapshot, list[Surprise]],
) -> None:
    _, found = commuted
    assert len(found) > 3_000
    assert sum(one.is_alarm for one in found) <= 0.005 * len(found)


@pytest.mark.parametrize(
    ("part", "stops", "bend", "says"),
    [
        ("speed", (HOME, WORK), {17: (2_500.0, 0.0)}, "m/s, usually under"),
        ("route", (HOME, WORK), {17: (0.0, -300.0), 18: (0.0, -500.0)}, "0 of"),
        ("place", (HOME, WORK, AWAY), {}, "foreseen with 0."),
    ],
)
def test_a_planted_anomaly_stands_out_and_is_named(
    part: str,
    stops: tuple[tuple[float, float], ...],
    bend: dict[int, tuple[float, float]],
    says: str,
    commuted: tuple[Snapshot, list[Surprise]],
) -> None:
    state = state_of(**KNOWS)
    state.restore(commuted[0])
    found = answers(state, log_of(next_day(stops, bend)))
    alarms = [one for one in found if one is not None and one.is_alarm]
    named = [one for one in alarms if one.reason.startswith(part)]
    assert named, [one.reason for one in alarms]
    assert says in named[0].reason
    assert named[0].parts[part] >= named[0].threshold


def test_a_sharp_turn_among_ships_that_go_straight() -> None:
    rng = np.random.default_rng(0)
    headings = np.cumsum(rng.normal(0, 0.05, 600))
    headings[500:] += 2.0
    ways = np.cumsum(np.stack([np.cos(headings), np.sin(headings)], 1) * 300, axis=0)
    rows = [(i * 60, "ship", north, east) for i, (north, east) in enumerate(ways.tolist())]
    found = answers(state_of(cell_m=1e5), log_of(rows))
    alarms = {i: one for i, one in enumerate(found) if one is not None and one.is_alarm}
    assert alarms[500].reason.startswith("turn 1")
    assert len(alarms) < 6


def test_a_polygon_with_a_notch_and_a_circle() -> None:
    fences = (
        Fence("square", SQUARE),
        Fence("notched", NOTCHED),
        Fence("circle", centre=(0.5, 179.9995), radius_m=200),
    )
    assert within(fences, 0.5, 0.5) == (0, 1)
    assert within(fences, 0.5, 1.5) == (1,)
    assert within(fences, 2.9, 1.5) == ()
    assert within(fences, 2.9, 2.9) == (1,)
    assert within(fences, 0.5, -179.9995) == (2,)
    assert within(fences, 0.5, -179.99) == ()


def test_fences_ring_when_they_are_crossed_and_rest() -> None:
    fences = (
        Fence("works", centre=(50.0, 8.0), radius_m=100),
        Fence("yard", ((49.9, 7.9), (49.9, 8.1), (50.01, 8.1), (50.01, 7.9)), on="leave"),
    )
    norths = (500, 0, 0, 500, 0, 1_500, 500, 500, 500, 0)
    rows = [(60 * i, "u", float(north), 0.0) for i, north in enumerate(norths)]
    found = answers(state_of(fences=fences, rest_records=4), log_of(rows))
    told = [(one.reason, one.is_alarm) for one in found if one and one.reason != "as usual"]
    assert told == [
        ("enters works", True),
        ("enters works", False),
        ("leaves yard", True),
        ("enters works", True),
    ]


def test_who_is_first_seen_within_a_forbidden_area_has_entered_it() -> None:
    (one,) = answers(state_of(fences=(Fence("all", SQUARE),)), [_at("u", 0.5, 0.5)])
    assert one is not None
    assert one.is_alarm
    assert (one.score, one.parts["fence all"]) == (1.0, 1.0)


def _at(user: str, lat: float, lon: float, after_ms: int = 0) -> Event:
    value = {"user": user, "kind": "position", "lat": lat, "lon": lon}
    return event_of(0, value, after_ms=after_ms)


def test_what_is_late_or_no_position_has_no_answer_and_a_wrong_clock_heals() -> None:
    view = event_of(0, {"user": "u", "kind": "view", "item": "i"})
    century_ms = 20 * 365 * 86_400_000
    found = answers(
        state_of(),
        [
            _at("u", 1, 1, 60_000),
            _at("u", 1, 1, 0),
            view,
            _at("u", 1, 1, century_ms),
            _at("u", 1, 1, 120_000),
            _at("u", 1, 1, 180_000),
        ],
    )
    assert [one is not None for one in found] == [True, False, False, True, True, True]


def test_the_net_foresees_a_periodic_tour_better_than_frequencies() -> None:
    places = [1, 2, 1, 3, 1, 4] * 40
    net, counts = NextPlace(16, 0), Counter(range(5))
    by_net, by_counts = [], []
    for i in range(1, len(places)):
        before, place = places[max(i - 8, 0) : i], places[i]
        by_net.append(net.surprise(before, place, 5))
        by_counts.append(-np.log2(counts[place] / counts.total()))
        net.learn(before, place, 5)
        counts[place] += 1
    assert np.mean(by_counts[120:]) > 1.5
    assert np.mean(by_net[120:]) < 0.3


@pytest.mark.parametrize(
    "make",
    [
        lambda: Fence("f", ((0, 0), (1, 1))),
        lambda: Fence("f"),
        lambda: Fence("f", SQUARE, centre=(0, 0)),
        lambda: Fence("f", centre=(91, 0)),
        lambda: TrajectoryDetector("t", cell_m=0.5),
        lambda: TrajectoryDetector("t", alarm_share=0),
        lambda: TrajectoryDetector("t", places=0),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


def test_a_snapshot_of_another_number_of_places_is_refused() -> None:
    with pytest.raises(ValueError, match="another number of places"):
        state_of(places=3).restore(state_of(places=4).snapshot())
