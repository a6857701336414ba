"""Features of behaviour have sane units, and following a block changes nothing."""

from typing import Any

import numpy as np
import pytest

from aimass_stream.learners.behaviour import COLUMNS, BehaviourFeatures
from tests.learners.events import event_of

NAMES = [column.name for column in COLUMNS]


def look(
    features: BehaviourFeatures, *events: tuple[int, dict[str, Any]]
) -> list[dict[str, float]]:
    rows = [features.read(event_of(0, value, after_ms=after)) for after, value in events]
    numbers = features.look(rows, features.ahead())
    return [dict(zip(NAMES, row.tolist(), strict=True)) for row in numbers]


def at(lat: float, lon: float, user: str = "u") -> dict[str, Any]:
    return {"user": user, "kind": "position", "lat": lat, "lon": lon}


def did(kind: str, item: str, user: str = "u") -> dict[str, Any]:
    return {"user": user, "kind": kind, "item": item}


def test_speed_turn_and_distance_within_one_block() -> None:
    north = look(
        BehaviourFeatures(10),
        (0, at(50.0, 8.0)),
        (60_000, at(50.001, 8.0)),
        (120_000, at(50.001, 8.0014)),
    )
    assert np.isnan(north[0]["speed"])
    assert north[1]["speed"] == pytest.approx(111.2 / 60, rel=1e-3)
    assert np.isnan(north[1]["turn"])
    assert north[2]["turn"] == pytest.approx(90, abs=0.1)
    assert north[2]["distance from the usual centre"] == pytest.approx(0.1143, rel=0.02)
    assert north[2]["time since the last event"] == 60
    assert north[2]["events in a minute"] == 1


def test_the_date_line_is_no_jump() -> None:
    rows = look(
        BehaviourFeatures(10),
        *((i * 60_000, at(0.0, lon)) for i, lon in enumerate((179.9995, -179.9995, 179.9995))),
    )
    assert rows[2]["speed"] == pytest.approx(1.85, rel=0.01)
    assert rows[2]["distance from the usual centre"] < 0.2


def test_dwell_counts_while_somebody_stays_near() -> None:
    rows = look(
        BehaviourFeatures(10),
        *((i * 60_000, at(0.0, i * 1e-5)) for i in range(5)),
        (300_000, at(0.0, 1.0)),
    )
    assert [row["dwell"] for row in rows[1:]] == [60, 120, 180, 240, 0]


def test_rhythm_and_novelty_are_a_users_own() -> None:
    rows = look(
        BehaviourFeatures(10),
        (0, did("view", "a")),
        (1000, did("view", "b", "other")),
        (2000, did("click", "a")),
        (3000, did("buy", "c")),
        (70_000, did("view", "c")),
    )
    assert [row["events in a minute"] for row in rows] == [1, 1, 2, 3, 1]
    assert [row["new item"] for row in rows[2:]] == [0, 1, 0]
    assert np.isnan(rows[0]["new item"])
    assert [rows[3][kind] for kind in ("views", "clicks", "purchases", "positions")] == [0, 0, 1, 0]


def test_late_events_do_not_turn_time_back() -> None:
    rows = look(
        BehaviourFeatures(10),
        (10_000, did("view", "a")),
        (0, did("view", "b")),
        (11_000, did("view", "c")),
    )
    assert [row["time since the last event"] for row in rows[1:]] == [0, 1]


def test_looking_remembers_nothing_and_users_are_bounded() -> None:
    features = BehaviourFeatures(3)
    before = features.snapshot()
    rows = [features.read(event_of(0, did("view", "a", f"u{i}"))) for i in range(5)]
    ahead = features.ahead()
    features.look(rows, ahead)
    assert features.snapshot() == before
    features.remember(ahead)
    assert [track[0] for track in features.snapshot()["tracks"]] == ["u2", "u3", "u4"]
