"""Lines of text and of JSON onto a topic, as the engine reads them, and the rest after a stop."""

from pathlib import Path

import orjson
import pytest

from aimass_stream.cli.producing.errand import Errand
from aimass_stream.cli.producing.items import Parcel, UnsendableError
from aimass_stream.cli.producing.run import Run
from aimass_stream.cli.producing.text import TextForm, find_texts
from aimass_stream.config import Settings
from aimass_stream.errors import AimassError, ConfigError
from aimass_stream.records import Limits, Text
from tests.cli.commands import aimass, read_topic


def parcels(folder: Path, name: str, content: bytes, how: TextForm | None = None) -> list[Parcel]:
    path = folder / name
    path.write_bytes(content)
    return [item.load() for item in find_texts([path], how or TextForm()).items]


def accept(parcel: Parcel) -> Text:
    """The parcel as the engine reads it."""
    text = Text("text", 0, 0, 0, parcel.key, parcel.value, parcel.headers)
    text.check(Limits())
    return text


def test_a_line_is_a_text_even_where_it_looks_like_json(tmp_path: Path) -> None:
    first, second = map(accept, parcels(tmp_path, "a.txt", '{"text": 1}\n\n我的包裹 \r\n'.encode()))
    assert (first.text, second.text) == ('{"text": 1}', "我的包裹 ")
    assert first.metadata == {"file": "a.txt", "line": "1"}
    assert second.key == b"a.txt:3"


def test_a_labelled_line_keeps_its_label_out_of_the_text(tmp_path: Path) -> None:
    how = TextForm(labelled=True, encoding="latin-1")
    content = "3 What 's in a café ?\n-1\tworse\n5\n".encode("latin-1")
    (tmp_path / "a").write_bytes(content)
    first, second, bare = find_texts([tmp_path / "a"], how).items
    assert accept(first.load()).text == "What 's in a café ?"
    assert accept(first.load()).metadata["label"] == "3"
    assert accept(second.load()).text == "worse"
    with pytest.raises(UnsendableError, match="no text"):
        bare.load()


def test_a_json_line_brings_its_fields(tmp_path: Path) -> None:
    lines = [{"body": "hi", "user": "u1", "n": [1]}, {"body": "我", "user": 7}]
    how = TextForm(field="body", key_field="user")
    found = parcels(tmp_path, "a.jsonl", b"\n".join(map(orjson.dumps, lines)), how)
    first, second = map(accept, found)
    assert (first.text, second.text) == ("hi", "我")
    assert (first.key, second.key) == (b"u1", b"7")
    assert first.metadata == {"file": "a.jsonl", "line": "1", "user": "u1", "n": [1]}


@pytest.mark.parametrize(
    ("line", "how", "reason"),
    [
        (b'{"cut', TextForm(), "no valid JSON"),
        (b"[1]", TextForm(), "no JSON object"),
        (b'{"a": 1}', TextForm(), "no field 'text'"),
        (b'{"text": 1}', TextForm(), "no field 'text'"),
        (b'{"text": "a"}', TextForm(key_field="user"), "no field 'user'"),
        (b'{"text": "a", "body": "b"}', TextForm(field="body"), "another field 'text'"),
    ],
)
def test_a_json_line_that_cannot_be_a_record_says_why(
    tmp_path: Path, line: bytes, how: TextForm, reason: str
) -> None:
    with pytest.raises(UnsendableError, match=reason):
        parcels(tmp_path, "a.jsonl", line, how)


@pytest.mark.parametrize(
    ("name", "line", "doubt"),
    [
        ("a.txt", b"caf\xe9", "not UTF-8"),
        ("a.txt", b"\x01\x02", "no visible character"),
        ("a.txt", b"a" * 70_000, "more than the limit"),
        ("a.jsonl", b'{"text": ""}', "no visible character"),
    ],
)
def test_what_the_engine_will_refuse_is_sent_and_said(
    tmp_path: Path, name: str, line: bytes, doubt: str
) -> None:
    (found,) = parcels(tmp_path, name, line)
    assert doubt in found.doubt
    assert name != "a.txt" or found.value == line


def test_what_cannot_be_begun_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\n \n")
    with pytest.raises(AimassError, match="No line of text"):
        find_texts([tmp_path / "a.txt"], TextForm())
    with pytest.raises(ConfigError, match="latin-1"):
        find_texts([tmp_path / "a.txt"], TextForm(encoding="martian"))
    (tmp_path / "b.txt").write_bytes(b"\xff")
    with pytest.raises(UnsendableError, match="not in utf-16"):
        find_texts([tmp_path / "b.txt"], TextForm(encoding="utf-16")).items[0].load()


async def produce(url: str, state: Path, topic: str, files: list[Path]) -> int:
    """The same as `aimass produce text FILE...`, in this process, which has the imports done."""
    conf = Settings(broker=url, replication=1, state=state)
    errand = Errand(noun="line", folder=files[0], topic=topic, more=tuple(files[1:]))
    return await Run(errand, find_texts(files, TextForm()), conf).run(url, terminal=False)


async def test_lines_become_records_and_a_second_run_sends_only_new_ones(
    broker_url: str,
    worker_env: dict[str, str],
    tmp_path: Path,
    topic_name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.jsonl"
    one.write_text("first\nsecond\n")
    two.write_text('{"text": "third", "user": "u"}\n')
    command = ("produce", "text", "one.txt", "two.jsonl", "--topic", topic_name, "--create")
    ended = aimass(*command, env=worker_env, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "Sent 3 lines" in ended.stdout
    with one.open("a") as file:
        file.write("fourth\n")
    assert await produce(broker_url, tmp_path / "state", topic_name, [one, two]) == 0
    assert "Resuming: 3 of 4 already sent" in capsys.readouterr().err
    records = await read_topic(broker_url, topic_name)
    found = {(record.key or b"").decode(): record.value for record in records}
    assert found == {
        "one.txt:1": b"first",
        "one.txt:2": b"second",
        "one.txt:3": b"fourth",
        "two.jsonl:1": b'{"text":"third","user":"u"}',
    }
    assert len(records) == 4
