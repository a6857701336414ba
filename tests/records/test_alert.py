"""Alerts: what they say of the record that raised them, and how bad it is."""

import msgspec
import pytest

from aimass_stream.records import Alert, Behaviour, Limits, Record, Surprise
from aimass_stream.records.alert import severity_of
from aimass_stream.records.behaviour import encode_event

NOW_MS = 1_750_000_000_000
SURPRISE = Surprise(0.999, 0.99, True, "speed 900 m/s, usually 1", {"speed": 0.9})


def test_an_alert_names_the_record_that_raised_it() -> None:
    event = Behaviour("behaviour", 3, 41, 5, b"key", encode_event("u1", "i7", "buy", NOW_MS), ())
    event.check(Limits())
    alert = Alert.of(event, SURPRISE, detector="shop@2", parents=["behaviour/3/40"])
    assert alert == Alert(
        "critical",
        0.999,
        0.99,
        SURPRISE.reason,
        "behaviour/3/41",
        "u1",
        NOW_MS,
        "shop@2",
        ["behaviour/3/40"],
    )
    assert msgspec.json.decode(msgspec.json.encode(alert), type=Alert) == alert


@pytest.mark.parametrize(
    ("key", "user"), [(b"k1", "k1"), (None, None), (b"\xff", "\N{REPLACEMENT CHARACTER}")]
)
def test_a_record_without_a_user_is_named_by_its_key(key: bytes | None, user: str | None) -> None:
    alert = Alert.of(Record("images", 0, 1, NOW_MS, key, b"x", ()), SURPRISE)
    assert (alert.user, alert.time_ms, alert.source) == (user, NOW_MS, "images/0/1")


@pytest.mark.parametrize(
    ("score", "threshold", "severity"),
    [
        (0.99, 0.99, "info"),
        (0.9949, 0.99, "info"),
        (0.995, 0.99, "warning"),
        (0.9989, 0.99, "warning"),
        (0.999, 0.99, "critical"),
        (1.0, 0.99, "critical"),
        (0.5, 0.5, "info"),
        (0.75, 0.5, "warning"),
        (0.95, 0.5, "critical"),
        (1.0, 1.0, "critical"),
        (0.98, 0.99, "info"),
    ],
)
def test_severity_is_how_far_the_score_lies_beyond_the_threshold(
    score: float, threshold: float, severity: str
) -> None:
    assert severity_of(score, threshold) == severity
