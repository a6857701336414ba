"""Files of events, visits and tables as behaviour records."""

import json
from collections import Counter
from pathlib import Path

import pytest

from aimass_stream.cli.producing.behaviour import find_events
from aimass_stream.cli.producing.event_form import (
    EventForm,
    EventFormat,
    EventKind,
    TimeUnit,
    parse_columns,
)
from aimass_stream.cli.producing.items import Parcel, UnsendableError
from aimass_stream.errors import AimassError, ConfigError
from aimass_stream.records import Behaviour, Limits
from tests.cli.commands import aimass, read_topic

NOW_MS = 1_750_000_000_000
EVENT = {"user": "u1", "item": "i7", "kind": "click", "time_ms": NOW_MS}
SESSIONS = EventForm(EventFormat.SESSIONS)


def write(path: Path, *lines: object) -> Path:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def accept(parcel: Parcel) -> Behaviour:
    """The parcel as the engine reads it."""
    event = Behaviour("behaviour", 0, 0, NOW_MS + 1, parcel.key, parcel.value, parcel.headers)
    event.check(Limits())
    assert event.key == event.user.encode()
    return event


def loaded(path: Path, form: EventForm | None = None) -> list[Behaviour | str]:
    """What each item of a file becomes, or why it becomes nothing."""
    found: list[Behaviour | str] = []
    for item in find_events([path], form or EventForm()).items:
        try:
            found.append(accept(item.load()))
        except UnsendableError as error:
            found.append(f"{item.name}: {error}")
    return found


def events(path: Path, form: EventForm | None = None) -> list[Behaviour]:
    found = loaded(path, form)
    assert not [text for text in found if isinstance(text, str)]
    return [event for event in found if isinstance(event, Behaviour)]


class TestEvents:
    def test_a_line_is_sent_as_it_stands(self, tmp_path: Path) -> None:
        line = '{"kind": "buy",  "user": "u1", "item": "i7", "page": 3}'
        (event,) = events(write(tmp_path / "a.jsonl", line))
        assert event.bytes == line.encode()
        assert event.metadata == {"page": 3}
        assert event.time_ms == NOW_MS + 1

    def test_a_line_that_is_no_event_says_why(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.jsonl", EVENT, "oops", "", [1, 2], {**EVENT, "time_ms": 5})
        _, text, visit, late = loaded(path)
        assert text == "a.jsonl:2: it is no event: the value is not valid JSON (character 0)"
        assert str(visit).endswith("is this --format sessions?")
        assert "must be milliseconds" in str(late)

    def test_files_follow_one_another_and_ids_differ(self, tmp_path: Path) -> None:
        files = [write(tmp_path / name, EVENT, EVENT) for name in ("b.jsonl", "a.jsonl")]
        items = find_events(files, EventForm()).items
        assert [item.name for item in items] == ["b.jsonl:1", "b.jsonl:2", "a.jsonl:1", "a.jsonl:2"]
        assert len({item.id for item in items}) == 4

    def test_files_without_a_line_are_refused(self, tmp_path: Path) -> None:
        for path in (write(tmp_path / "a.jsonl"), write(tmp_path / "a.csv", "user,item")):
            with pytest.raises(AimassError, match="no line to send"):
                find_events([path], EventForm())


class TestSessions:
    def test_a_visit_becomes_clicks_of_a_user_of_its_own(self, tmp_path: Path) -> None:
        path = write(tmp_path / "s.jsonl", [40601, "x", 40601], {"seen": [1, 2], "next": 3})
        found = events(path, SESSIONS)
        assert [(event.user, event.item) for event in found] == [
            ("s-1", "40601"),
            ("s-1", "x"),
            ("s-1", "40601"),
            ("s-2", "1"),
            ("s-2", "2"),
            ("s-2", "3"),
        ]
        times = [event.time_ms for event in found]
        assert times == sorted(set(times))
        assert {event.kind for event in found} == {"click"}
        assert len({item.id for item in find_events([path], SESSIONS).items}) == 6

    @pytest.mark.parametrize(
        "line", ["[]", "[1.5]", "[true]", "[[1]]", "{}", '{"seen": 1, "next": 2}', "x", '[""]']
    )
    def test_a_line_that_is_no_visit_is_named_once(self, tmp_path: Path, line: str) -> None:
        found = loaded(write(tmp_path / "s.jsonl", line, [1]), SESSIONS)
        assert len(found) == 2
        assert str(found[0]).startswith("s.jsonl:1: ")


class TestTables:
    def test_columns_are_mapped_whatever_their_case_and_others_are_metadata(
        self, tmp_path: Path
    ) -> None:
        path = write(
            tmp_path / "r.csv", "userid,movieid,rating,timestamp", '1,"47",4.0,964982703', "2,3,,"
        )
        columns = parse_columns("user=userId, item=movieId,time=timestamp")
        first, second = events(path, EventForm(columns=columns, unit=TimeUnit.S))
        assert (first.user, first.item, first.kind) == ("1", "47", "view")
        assert first.time_ms == 964_982_703_000
        assert first.metadata == {"rating": "4.0"}
        assert second.time_ms == NOW_MS + 1

    def test_usual_names_need_no_mapping(self, tmp_path: Path) -> None:
        path = write(tmp_path / "r.csv", "\ufeffItem,USER,time_ms,kind", f"i7,u1,{NOW_MS},x")
        (event,) = events(path, EventForm(kind=EventKind.BUY))
        assert (event.user, event.item, event.kind, event.time_ms) == ("u1", "i7", "buy", NOW_MS)
        assert event.metadata == {}

    def test_positions_come_from_tables_too(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.csv", "user,lat,lon,altitude", "u1,52.5,-13.4,34", "u1,1,2,")
        first, second = events(path, EventForm(kind=EventKind.POSITION))
        assert (first.lat, first.lon, first.altitude_m) == (52.5, -13.4, 34)
        assert second.altitude_m is None

    def test_fractions_of_seconds_are_kept(self, tmp_path: Path) -> None:
        path = write(tmp_path / "r.csv", "user,item,time", "u1,i7,1750000000.1239")
        assert events(path, EventForm(unit=TimeUnit.S))[0].time_ms == 1_750_000_000_124

    @pytest.mark.parametrize(
        ("row", "why"),
        [
            ("u1,i7", "2 cells below 3 columns"),
            ("u1,i7,1750000000", "it looks like seconds"),
            ("u1,i7,now", "its time is no number"),
            ("u1,i7,nan", "its time is no number"),
            ("u1,i7,1e999999999", "its time is no number"),
            (",i7,", "user"),
            ('"u1,i7,', "no row of a CSV file"),
        ],
    )
    def test_a_row_that_is_no_event_says_why(self, tmp_path: Path, row: str, why: str) -> None:
        path = write(tmp_path / "r.csv", "user,item,time", row, f"u1,i7,{NOW_MS}")
        bad, good = loaded(path)
        assert isinstance(good, Behaviour)
        assert isinstance(bad, str)
        assert bad.startswith("r.csv:2: ")
        assert why in bad

    def test_a_position_that_is_none_says_why(self, tmp_path: Path) -> None:
        path = write(tmp_path / "p.csv", "user,lat,lon", "u1,north,2", "u1,nan,2", "u1,1,359")
        found = loaded(path, EventForm(kind=EventKind.POSITION))
        assert [isinstance(text, str) for text in found] == [True] * 3

    @pytest.mark.parametrize(
        ("form", "missing"),
        [
            (EventForm(), "column for the user"),
            (EventForm(columns={"user": "who", "item": "id"}), "column 'id'"),
            (EventForm(columns={"user": "who", "item": "what", "time": "at"}), "column 'at'"),
            (EventForm(columns={"user": "who"}, kind=EventKind.POSITION), "column for the lat"),
        ],
    )
    def test_a_missing_column_names_those_there_are(
        self, tmp_path: Path, form: EventForm, missing: str
    ) -> None:
        path = write(tmp_path / "r.csv", "who,what,when", "a,b,c")
        with pytest.raises(ConfigError, match=missing) as caught:
            find_events([path], form)
        assert "who, what, when" in str(caught.value)
        assert "--columns user=..." in str(caught.value)

    @pytest.mark.parametrize("text", ["", "user", "user=", "who=a", "user=a,,"])
    def test_columns_that_say_nothing_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"FIELD=COLUMN|none of"):
            parse_columns(text)


class TestCommand:
    async def test_good_lines_are_sent_once_and_bad_ones_named(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        write(tmp_path / "a.jsonl", *[{**EVENT, "user": f"u{n % 3}", "n": n} for n in range(9)])
        write(tmp_path / "b.jsonl", EVENT, {"user": "u1"})
        command = ("produce", "behaviour", "a.jsonl", "b.jsonl", "--topic", topic_name, "--create")
        ended = aimass(*command, env=worker_env, cwd=tmp_path)
        assert ended.returncode == 1, ended.stderr
        assert "Sent 10 events" in ended.stdout
        assert "Not sent: 1" in ended.stdout
        assert "b.jsonl:2: it is no event" in ended.stdout
        write(tmp_path / "b.jsonl", EVENT, {**EVENT, "user": "late"})
        again = aimass(*command, env=worker_env, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert "Sent 1 event (11 in all)" in again.stdout
        records = await read_topic(broker_url, topic_name)
        assert Counter((r.key or b"").decode() for r in records) == {
            "u0": 3,
            "u1": 4,
            "u2": 3,
            "late": 1,
        }

    def test_wrong_columns_are_a_usage_error(
        self, worker_env: dict[str, str], tmp_path: Path
    ) -> None:
        path = write(tmp_path / "r.csv", "user,item")
        command = ("produce", "behaviour", str(path), "--columns", "who=user")
        ended = aimass(*command, env=worker_env, cwd=tmp_path)
        assert ended.returncode == 2
        assert "none of: user, item, time" in ended.stderr
