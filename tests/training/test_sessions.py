"""Behaviour that is generated: repeatable, plausible, and planted as it says."""

import ast
from collections import Counter, defaultdict
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import pytest

from aimass_stream.records import Action, read_behaviour
from aimass_stream.training import city, sessions, shop
from aimass_stream.training.baselines import PopularityRecommender, SpeedAlarm, distance_m
from aimass_stream.training.sessions import ANOMALIES, Event, behaviour_events

ROWS = 30_000


@cache
def events() -> list[tuple[Event, Action]]:
    found = list(islice(behaviour_events(seed=3), ROWS))
    return [(event, read_behaviour(event.value, 0)) for event in found]


def speeds(*, ordinary: bool) -> list[float]:
    """Metres a second between positions; from an ordinary one to an ordinary one, or not."""
    found: list[float] = []
    last: dict[str, tuple[Action, bool]] = {}
    for event, action in events():
        if action.lat is None:
            continue
        odd = event.truth.anomaly is not None or event.truth.is_echo
        before = last.get(action.user)
        last[action.user] = (action, odd)
        if before is not None and ordinary == (not odd and not before[1]):
            found.append(
                distance_m(before[0], action) * 1000 / (action.time_ms - before[0].time_ms)
            )
    return found


def test_the_same_seed_gives_the_same_events() -> None:
    one, same, other = (list(islice(behaviour_events(seed=s), 500)) for s in (1, 1, 2))
    assert one == same
    assert one != other


def test_times_ascend_and_keys_are_users() -> None:
    assert all(one.time_ms <= other.time_ms for (one, _), (other, _) in pairwise(events()))
    assert all(e.key.decode() == a.user and e.time_ms == a.time_ms for e, a in events())


def test_both_shapes_are_common_and_buys_follow_clicks() -> None:
    kinds = Counter(action.kind for _, action in events())
    assert all(kinds[kind] > ROWS // 10 for kind in ("view", "click", "position"))
    clicked: dict[str, str | None] = {}
    for event, action in events():
        if event.truth.anomaly is None and action.kind == "buy":
            assert clicked[action.user] == action.item
        elif event.truth.anomaly is None and action.kind == "click":
            clicked[action.user] = action.item


def test_about_one_in_a_hundred_is_planted_and_of_every_kind() -> None:
    planted = Counter(event.truth.anomaly for event, _ in events())
    assert set(ANOMALIES) == planted.keys() - {None}
    assert 0.005 < 1 - planted[None] / ROWS < 0.02
    incidents = defaultdict(set)
    for event, _ in events():
        if event.truth.incident is not None:
            incidents[event.truth.incident].add(event.truth.anomaly)
    assert all(len(kinds) == 1 for kinds in incidents.values())


def test_the_share_that_is_planted_can_be_chosen() -> None:
    for share in (0.0, 0.05):
        found = islice(behaviour_events(anomaly_share=share), 10_000)
        planted = sum(event.truth.anomaly is not None for event in found) / 10_000
        assert 0.6 * share <= planted <= 1.5 * share


def test_ordinary_people_move_as_people_can() -> None:
    assert max(speeds(ordinary=True)) < 40
    assert max(speeds(ordinary=False)) > 400


def test_the_next_item_is_what_the_user_turns_to_next() -> None:
    due: dict[str, str] = {}
    told = 0
    for event, action in events():
        if action.item is None or event.truth.anomaly is not None:
            continue
        if action.kind != "buy" and action.user in due:
            told += 1
            assert due[action.user] == action.item
        due.pop(action.user, None)
        if event.truth.next_item is not None:
            due[action.user] = event.truth.next_item
    assert told > 1000


def test_there_is_more_to_learn_than_popularity() -> None:
    popular, follows = PopularityRecommender(), defaultdict[str, Counter[str]](Counter)
    hits = Counter[str]()
    for event, action in events():
        wanted, item = event.truth.next_item, action.item
        if wanted is not None and item is not None:
            hits["rows"] += 1
            hits["popular"] += wanted in popular.recommend(10)
            hits["follows"] += wanted in dict(follows[item].most_common(10))
            follows[item][wanted] += 1
        popular.learn(action)
    assert 0.1 < hits["popular"] / hits["rows"] < 0.4
    assert hits["follows"] > 1.5 * hits["popular"]


def test_the_speed_alarm_finds_some_of_it_and_not_all() -> None:
    alarm, right, wrong = SpeedAlarm(), set(), 0
    for event, action in events():
        if alarm.is_alarm(action):
            right.add(event.truth.incident)
            wrong += event.truth.anomaly is None and not event.truth.is_echo
    planted = {event.truth.incident for event, _ in events()} - {None}
    assert 0.1 < len(right & planted) / len(planted) < 0.9


def test_popular_items_come_first_and_positions_do_not_count() -> None:
    popular = PopularityRecommender()
    for item in ("a", "b", "b", "c", None):
        kind = "click" if item else "position"
        popular.learn(Action("u", kind, item, None, None, 1))  # type: ignore[arg-type]
    assert popular.recommend(2) == ["b", "a"]


def test_distance_is_along_the_sphere() -> None:
    def at(lat: float | None, lon: float | None) -> Action:
        return Action("u", "position", None, lat, lon, 1)

    assert distance_m(at(0, 0), at(0, 1)) == pytest.approx(111_195, abs=1)
    assert distance_m(at(10, 179.5), at(10, -179.5)) == pytest.approx(109_505, abs=10)
    assert distance_m(at(90, 0), at(-90, 100)) == pytest.approx(20_015_087, abs=1)
    with pytest.raises(ValueError, match="no distance"):
        distance_m(at(0, 0), at(None, None))


@pytest.mark.parametrize("module", [sessions, shop, city])
def test_the_generator_shares_nothing_with_what_learns(module: object) -> None:
    source = Path(str(module.__file__)).read_text()  # type: ignore[attr-defined]
    imported = [
        node.module or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
    ]
    ours = {name for name in imported if name.startswith("aimass_stream")}
    assert all(
        name.startswith(("aimass_stream.records", "aimass_stream.training")) for name in ours
    )
