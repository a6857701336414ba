"""Behaviour events: two shapes accepted, everything else refused with one stable reason."""

import math
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Action, Behaviour, Limits, read_behaviour
from aimass_stream.records.behaviour import (
    ACTIONS,
    FIRST_MS,
    LAST_MS,
    POSITION,
    encode_behaviour,
    encode_event,
    encode_position,
)

NOW_MS = 1_750_000_000_000
CLICK = {"user": "u1", "item": "i7", "kind": "click", "time_ms": NOW_MS}
PLACE = {"user": "u1", "kind": "position", "lat": 52.5, "lon": 13.4, "time_ms": NOW_MS}


def record(
    value: bytes | None,
    headers: tuple[tuple[str, bytes], ...] = (),
    timestamp_ms: int = NOW_MS + 5,
) -> Behaviour:
    return Behaviour("behaviour", 0, 7, timestamp_ms, b"u1", value, headers)


def checked(value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> Behaviour:
    found = record(value, headers)
    found.check(Limits())
    return found


def refusal(
    value: bytes | None,
    headers: tuple[tuple[str, bytes], ...] = (),
    timestamp_ms: int = NOW_MS,
) -> RecordError:
    with pytest.raises(RecordError) as caught:
        record(value, headers, timestamp_ms).check(Limits())
    assert "\n" not in caught.value.detail
    return caught.value


def click(**fields: object) -> bytes:
    return orjson.dumps({**CLICK, **fields})


def place(**fields: object) -> bytes:
    return orjson.dumps({**PLACE, **fields})


def nested(levels: int) -> bytes:
    """A click of that many levels, itself one."""
    inner = b"[" * (levels - 1) + b"]" * (levels - 1)
    return orjson.dumps(CLICK)[:-1] + b',"a":' + inner + b"}"


@pytest.mark.parametrize("kind", ACTIONS)
def test_an_action_gives_back_what_was_encoded(kind: str) -> None:
    event = checked(encode_event("u1", "i7", kind, NOW_MS, {"page": 3}))
    assert (event.user, event.item, event.kind, event.time_ms) == ("u1", "i7", kind, NOW_MS)
    assert (event.lat, event.lon, event.altitude_m) == (None, None, None)
    assert event.metadata == {"page": 3}


def test_a_position_gives_back_what_was_encoded() -> None:
    event = checked(encode_position("u1", 52.5, -13.4, NOW_MS, 34.5, {"phone": "a"}))
    assert (event.user, event.item, event.kind) == ("u1", None, "position")
    assert (event.lat, event.lon, event.altitude_m) == (52.5, -13.4, 34.5)
    assert event.metadata == {"phone": "a"}


@pytest.mark.parametrize("value", [encode_event("u", "i"), click(time_ms=None)])
def test_event_time_is_the_records_where_the_value_has_none(value: bytes) -> None:
    assert checked(value).time_ms == NOW_MS + 5


def test_what_belongs_to_the_other_shape_is_metadata() -> None:
    assert checked(click(lat=999, lon="x")).metadata == {"lat": 999, "lon": "x"}
    assert checked(click(lat=1.0)).lat is None
    event = checked(place(item=["i7"], altitude_m=None))
    assert (event.item, event.metadata) == (None, {"item": ["i7"]})


def test_json_metadata_wins_over_a_header_of_the_same_name() -> None:
    headers = (("meta-page", b"header"), ("meta-bad", b"\xff"), ("other", b"x"))
    event = checked(click(page="json"), headers)
    assert event.metadata == {"page": "json", "bad": "\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize(
    "declared",
    [b"application/json; charset=utf-8", b"application/x+json", b"application/octet-stream", b""],
)
def test_a_header_may_declare_json_or_nothing(declared: bytes) -> None:
    assert checked(click(), (("content-type", declared),)).item == "i7"


@pytest.mark.parametrize(
    ("time_ms", "unit"),
    [
        (NOW_MS // 1000, "seconds"),
        (NOW_MS * 1000, "microseconds"),
        (NOW_MS * 1_000_000, "nanoseconds"),
        (0, ""),
        (-1, ""),
        (FIRST_MS - 1, ""),
        (LAST_MS, ""),
        (253_402_300_799_000, ""),
        (2**63, ""),
    ],
)
def test_a_time_in_another_unit_is_refused_and_named(time_ms: int, unit: str) -> None:
    for refused in (
        refusal(click(time_ms=time_ms)),
        refusal(place(time_ms=time_ms)),
        refusal(encode_event("u1", "i7"), timestamp_ms=time_ms),
    ):
        assert refused.reason is Reason.BAD_ENVELOPE
        assert "must be milliseconds" in refused.detail
        assert (f"it looks like {unit}" in refused.detail) is bool(unit)


def test_the_first_and_last_plausible_times_are_accepted() -> None:
    assert checked(click(time_ms=FIRST_MS)).time_ms == FIRST_MS
    assert checked(click(time_ms=LAST_MS - 1)).time_ms == LAST_MS - 1


def test_64_levels_and_many_small_fields_are_metadata() -> None:
    assert str(checked(nested(64)).metadata["a"]).count("[") == 63
    assert len(checked(click(**{f"k{n}": n for n in range(1000)})).metadata) == 1000


def test_a_name_written_twice_counts_with_its_last_value() -> None:
    value = click(a=1)[:-1] + b',"item":"i8","kind":"buy","a":2}'
    event = checked(value)
    assert (event.item, event.kind, event.metadata) == ("i8", "buy", {"a": 2})
    assert refusal(click()[:-1] + b',"user":7}').reason is Reason.BAD_ENVELOPE


def test_white_space_around_the_object_is_nothing() -> None:
    assert checked(b" \n" + click() + b"\r\n").item == "i7"


def test_refusal_shows_no_value() -> None:
    secret = "S3CRET-canary"  # noqa: S105 - a canary
    for value in (
        secret.encode(),
        click(kind=secret),
        click(user=[secret]),
        click(time_ms=secret),
        place(lat=secret),
        b'{"' + secret.encode(),
    ):
        assert secret not in refusal(value).detail
    assert secret not in refusal(click(), (("content-type", secret.encode()),)).detail


@pytest.mark.parametrize(
    "given",
    [
        {"lat": math.nan},
        {"lat": math.inf},
        {"lat": 91.0},
        {"lon": 181.0},
        {"user": ""},
        {"user": "\ud800"},
        {"time_ms": NOW_MS // 1000},
        {"altitude_m": math.nan},
        {"metadata": {"user": "mine"}},
        {"metadata": {"a": object()}},
        {"metadata": {"a": "n" * 20_000}},
    ],
)
def test_encoding_refuses_what_would_be_refused_on_the_topic(given: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"user": "u1", "lat": 1.0, "lon": 1.0, **given}
    with pytest.raises(ValueError, match=r"event|user"):
        encode_position(**fields)
    with pytest.raises(ValueError, match="kind"):
        encode_event("u1", "i7", "purchase")


def test_an_action_of_mixed_shape_cannot_be_encoded() -> None:
    with pytest.raises(ValueError, match="only a position"):
        encode_behaviour(Action("u", "click", "i", 1.0, None, NOW_MS))
    with pytest.raises(ValueError, match="no `item`"):
        encode_behaviour(Action("u", "position", "i", 1.0, 1.0, NOW_MS))


IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
TIMES = st.integers(FIRST_MS, LAST_MS - 1)
EVENTS = st.builds(
    Action, IDS, st.sampled_from(ACTIONS), IDS, st.none(), st.none(), TIMES
) | st.builds(
    Action,
    IDS,
    st.just(POSITION),
    st.none(),
    st.floats(-90, 90),
    st.floats(-180, 180),
    TIMES,
    st.none() | st.floats(-12_000, 1_000_000),
)


@given(EVENTS, st.dictionaries(st.text("abc", min_size=1), st.integers(0, 9), max_size=3))
def test_what_is_encoded_is_read_back(action: Action, metadata: dict[str, Any]) -> None:
    value = encode_behaviour(action, metadata)
    assert read_behaviour(value, 0) == action
    event = checked(value)
    assert (event.action, event.metadata) == (action, metadata)


@given(
    st.binary(max_size=300)
    | st.binary(max_size=40).map(lambda end: b"{" + end)
    | st.tuples(st.integers(0, 80), st.binary(max_size=3)).map(
        lambda cut: click()[: cut[0]] + cut[1] + click()[cut[0] + len(cut[1]) :]
    )
)
def test_any_bytes_are_accepted_or_refused_and_nothing_else(value: bytes) -> None:
    with suppress(RecordError):
        checked(value)


@given(
    st.dictionaries(
        st.sampled_from(["user", "item", "kind", "lat", "lon", "time_ms", "altitude_m", "x"]),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False)
        | st.sampled_from([*ACTIONS, POSITION, "u1", "", NOW_MS, 12.5])
        | st.lists(st.integers(0, 9), max_size=3),
    )
)
def test_any_json_object_is_accepted_or_refused_and_nothing_else(fields: dict[str, object]) -> None:
    try:
        event = checked(orjson.dumps(fields))
    except RecordError:
        return
    assert FIRST_MS <= event.time_ms < LAST_MS
    assert (event.kind == POSITION) == (event.item is None) == (event.lat is not None)
    assert isinstance(event.metadata, dict)
