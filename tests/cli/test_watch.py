import json
import random
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from aimass_stream.cli.record_text import escape, json_of, line_of, show_bytes
from aimass_stream.cli.watching import in_order, render, start_offsets, unknown_topic
from aimass_stream.kafka.outcomes import Outcomes, encode
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Record, identity
from aimass_stream.records.image import encode_json
from tests.cli.commands import PNG, aimass, send, start_aimass, wait_for_lines
from tests.codecs.audio_files import encoded, tone, wav

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def record(
    value: bytes | None = b"{}",
    headers: dict[str, bytes] | None = None,
    key: bytes | None = b"user-1",
    timestamp_ms: int = 1_767_355_200_250,
    place: tuple[int, int] = (1, 42),
) -> Record:
    every = list((headers or {}).items())
    return Record("images", *place, timestamp_ms, key, value, every)


class TestText:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a\x1b[2Jb", "a\\x1b[2Jb"),
            ("a\nb\tc", "a\\nb\\tc"),
            ("\u202eevil\u2066", "\\u202eevil\\u2066"),
            ("\x9b31m\x7f", "\\x9b31m\\x7f"),
            ("\U000e0041", "\\U000e0041"),
            ("Füße 北京 👩\u200d🔬", "Füße 北京 👩\u200d🔬"),
        ],
    )
    def test_nothing_unprintable_reaches_the_terminal(self, text: str, shown: str) -> None:
        assert escape(text) == shown

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (None, "(tombstone)"),
            (b"", "(empty)"),
            (PNG, "PNG 1x1, 69 B"),
            (b"\xff\xd8\xff\xe0 no more", "JPEG damaged, 12 B"),
            (b"hello", "hello"),
            (b"\x00\x01\x02\xff", "4 B: 00 01 02 ff"),
            (b"RIFF\x00\xff\x00\x00WAVE", "WAV damaged, 12 B"),
            (wav(b"\x00" * 38_400), "WAV 1.2 s 16000 Hz mono, 38.4 kB"),
            (wav(b"", channels=2), "WAV ? s 16000 Hz stereo, 44 B"),
            (encoded(tone(channels=3), "FLAC"), "FLAC 0.5 s 16000 Hz 3 channels, 13.1 kB"),
            (b'{"label":"cat","score":0.99991234}', '{"label": "cat", "score": 0.9999}'),
            (b'["\\u001b[2J"]', '["\\u001b[2J"]'),
            (b"{broken", "{broken"),
        ],
    )
    def test_a_value_is_one_readable_line(self, value: bytes | None, shown: str) -> None:
        assert show_bytes(value) == shown

    def test_a_picture_in_json_is_summed_up(self) -> None:
        value, _ = encode_json(PNG, {"user": "u1"})
        assert show_bytes(value) == '{"data": "PNG 1x1, 69 B", "type": "image/png", "user": "u1"}'

    def test_long_and_deep_json_is_cut(self) -> None:
        value = orjson.dumps({"text": "x" * 500, "list": list(range(99)), "deep": [[[[[[[1]]]]]]]})
        shown = show_bytes(value)
        assert "(500 characters)" in shown
        assert "… 79 more" in shown
        assert "[[[[[" in shown
        assert len(shown) < 400

    def test_any_bytes_at_all_can_be_shown(self) -> None:
        draw = random.Random(0)
        for _ in range(2_000):
            start = draw.choice(
                [b"", b"{", b"[", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b'{"data":"', b"OggS"]
            )
            value = start + draw.randbytes(draw.randrange(80))
            assert show_bytes(value).isprintable()
            assert json.loads(json_of(record(value)))

    def test_outcomes_are_counted(self) -> None:
        outcomes = Outcomes("classify", "images", 3, 47, 54, [(47, 50), (53, 54)], [], [(51, 52)])
        shown = show_bytes(encode(outcomes))
        assert shown == "classify: images/3/47-54 6 answered, 0 quiet, 2 dead-lettered"

    def test_an_answer_shows_its_model_and_source(self) -> None:
        headers = {identity.MODEL: b"digits@1", identity.SOURCE: b"images/1/42"}
        line = line_of(record(b'{"label":"7"}', headers), NOW, headers=False)
        assert line.time == "12:00:00.250"
        assert line.place == "1/42"
        assert line.key == "user-1"
        assert line.origin == "digits@1 <- images/1/42"

    def test_a_dead_letter_shows_its_reason_and_error(self) -> None:
        headers = {identity.REASON: b"type_mismatch", identity.ERROR: b"GIF is not \x1baccepted"}
        line = line_of(record(b"GIF89a", headers), NOW, headers=True)
        assert line.mark == "type_mismatch"
        assert line.value.startswith("GIF is not \\x1baccepted | GIF89a  [aimass-reason=")

    def test_another_day_is_named(self) -> None:
        assert line_of(record(timestamp_ms=0), NOW, headers=False).time == "1970-01-01 00:00:00.000"
        assert line_of(record(timestamp_ms=10**17), NOW, headers=False).time == f"@{10**17}"

    def test_a_line_fits_its_width(self) -> None:
        line = line_of(record("北".encode() * 300), NOW, headers=False)
        assert render(line, 80).cell_len <= 80
        assert render(line, None).cell_len > 300

    def test_json_is_whole_and_safe(self) -> None:
        held = json_of(record("a\u202e\x7f\U000e0041".encode(), {"h": b"\x1b"}, key=b"\xff"))
        assert held.isprintable()
        about = json.loads(held)
        assert about["value"] == "a\u202e\x7f\U000e0041"
        assert about["key_base64"] == "/w=="
        assert about["headers"] == {"h": "\x1b"}
        assert json.loads(json_of(record(None)))["value"] is None


class TestOrder:
    def test_where_to_begin_never_lies_past_the_end(self) -> None:
        ends = {("t", 0): 5, ("t", 1): 100}
        assert start_offsets("beginning", ends) == {}
        assert start_offsets("end", ends) == ends
        assert start_offsets("7", ends) == {("t", 0): 5, ("t", 1): 7}
        assert start_offsets("-7", ends) == {("t", 0): 0, ("t", 1): 93}

    def test_time_merges_partitions_and_never_reorders_one(self) -> None:
        places = {(0, 0): 5, (0, 1): 1, (1, 0): 3}
        records = [record(place=place, timestamp_ms=at) for place, at in places.items()]
        merged = [(r.partition, r.offset) for r in in_order(records)]
        assert merged == [(1, 0), (0, 0), (0, 1)]

    def test_an_unknown_topic_names_the_near_ones(self) -> None:
        text = unknown_topic("predictons", "kafka://x", ["predictions", "images"])
        assert "Did you mean predictions?" in text
        assert "\n  images" in text


async def make_topic(url: str, name: str) -> None:
    await create_topics({"bootstrap_servers": bootstrap_servers(url)}, [TopicPlan(name, 2)], 1)


class TestCommand:
    async def test_it_shows_what_is_there_and_what_comes_until_ctrl_c(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        await make_topic(broker_url, topic_name)
        headers = [(identity.MODEL, b"digits@1"), (identity.SOURCE, b"images/0/0")]
        early = [b"early %d" % n for n in range(12)]
        await send(broker_url, topic_name, *early, key=b"k", headers=headers)
        with start_aimass("watch", topic_name, env=worker_env, cwd=tmp_path) as process:
            assert process.stdout is not None
            shown = [process.stdout.readline() for _ in range(10)]
            assert "early 2 " in shown[0]
            assert "early 11  digits@1 <- images/0/0" in shown[-1]
            started = time.monotonic()
            await send(broker_url, topic_name, b"late")
            assert "late" in process.stdout.readline()
            assert time.monotonic() - started < 5
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=20)[0] == ""
        assert process.returncode == 0

    async def test_json_from_the_beginning_to_the_end(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        await make_topic(broker_url, topic_name)
        values = [b'{"n":%d}' % n for n in range(50)]
        await send(broker_url, topic_name, *values, key=b"k", headers=[("a", b"1")])
        options = ("--from", "beginning", "--no-follow", "--json")
        ended = aimass("watch", topic_name, *options, env=worker_env, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        records: list[dict[str, Any]] = [json.loads(line) for line in ended.stdout.splitlines()]
        assert [r["value"]["n"] for r in records] == list(range(50))
        assert records[0]["headers"] == {"a": "1"}

    async def test_only_the_records_of_a_key(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        await make_topic(broker_url, topic_name)
        await send(broker_url, topic_name, b"mine 0", b"mine 1", key="K\u00f6ln".encode())
        await send(broker_url, topic_name, *[b"other"] * 50, key=b"k")
        await send(broker_url, topic_name, b"keyless")
        options = ("watch", topic_name, "--no-follow", "--key", "K\u00f6ln")
        ended = aimass(*options, env=worker_env, cwd=tmp_path)
        assert [line.split()[-1] for line in ended.stdout.splitlines()] == ["0", "1"]
        last = aimass(*options, "--from", "-1", env=worker_env, cwd=tmp_path)
        assert [line.split()[-1] for line in last.stdout.splitlines()] == ["1"]
        assert last.stderr == ""
        first = aimass(*options, "--from", "0", "--limit", "1", env=worker_env, cwd=tmp_path)
        assert [line.split()[-1] for line in first.stdout.splitlines()] == ["0"]
        none = aimass(
            "watch", topic_name, "--no-follow", "--key", "x", env=worker_env, cwd=tmp_path
        )
        assert (none.returncode, none.stdout) == (0, "")
        assert none.stderr == f"No record of {topic_name} has the key x.\n"
        late = aimass(*options, "--from", "end", env=worker_env, cwd=tmp_path)
        assert (late.returncode, late.stdout) == (0, "")
        assert late.stderr == f"No record of {topic_name} from end on has the key K\u00f6ln.\n"

    async def test_a_pipe_that_closes_ends_it_quietly(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        await make_topic(broker_url, topic_name)
        await send(broker_url, topic_name, *[b"x" * 200] * 2_000)
        errors = tmp_path / "errors"
        process = start_aimass(
            "watch", topic_name, "--from", "0", env=worker_env, cwd=tmp_path, errors=errors
        )
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 0
        assert errors.read_text() == ""

    async def test_an_unknown_topic_is_not_created(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        await make_topic(broker_url, topic_name)
        ended = aimass("watch", f"{topic_name}x", env=worker_env, cwd=tmp_path)
        assert ended.returncode == 1
        assert f"Did you mean {topic_name}" in ended.stderr

    async def test_a_topic_that_the_app_of_this_folder_will_have_is_waited_for(
        self, broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
    ) -> None:
        (tmp_path / "agents.py").write_text(APP.format(name=topic_name))
        answers, errors = f"{topic_name}.answers", tmp_path / "errors"
        with start_aimass(
            "watch", answers, "--limit", "1", env=worker_env, cwd=tmp_path, errors=errors
        ) as process:
            wait_for_lines(errors, 1)
            assert f"{answers} is made when a worker first runs" in errors.read_text()
            await make_topic(broker_url, answers)
            await send(broker_url, answers, b"hello")
            assert "hello" in process.communicate(timeout=20)[0]
        assert process.returncode == 0
        ended = aimass("watch", f"{answers}x", "--no-follow", env=worker_env, cwd=tmp_path)
        assert ended.returncode == 1
        assert "There is no topic" in ended.stderr


APP = """
from aimass_stream import App, Record, Topic

app = App("{name}", origin="agents")


@app.agent(Topic("{name}.in", Record), to=Topic("{name}.answers", Record))
async def echo(stream):
    async for record in stream:
        yield record.bytes
"""
