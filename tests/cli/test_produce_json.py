"""Lines of JSON objects onto a topic, as they stand."""

import json
from pathlib import Path

import pytest

from aimass_stream.cli.producing.items import UnsendableError
from aimass_stream.cli.producing.objects import find_objects
from aimass_stream.errors import AimassError, ConfigError
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.survey import survey
from tests.cli.commands import aimass, read_topic

APP = """\
from aimass_stream import App, Record, Text, Topic

app = App("{topic}-app", origin="agents")


@app.agent(Topic("{topic}", Record, partitions=3))
async def read(stream):
    async for _ in stream:
        yield


@app.agent(Topic("{topic}.texts", Text))
async def listen(stream):
    async for _ in stream:
        yield
"""


def test_a_line_is_sent_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text('{"s": "pump", "value": 1.50}\n\n{"s":7}\n', encoding="utf-8")
    first, second = [item.load() for item in find_objects([path], "s").items]
    assert (first.key, first.value) == (b"pump", b'{"s": "pump", "value": 1.50}')
    assert second.key == b"7"
    assert find_objects([path], None).items[0].load().key is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{broken", "no valid JSON"),
        ("[1]", "no JSON object"),
        ('{"value": 1}', "no field 's'"),
        ('{"s": null}', "no field 's'"),
    ],
)
def test_a_line_that_cannot_be_sent_says_why(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "a.jsonl").write_text(line)
    [item] = find_objects([tmp_path / "a.jsonl"], "s").items
    with pytest.raises(UnsendableError, match=why):
        item.load()


def test_what_cannot_be_begun_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\n")
    with pytest.raises(AimassError, match="no line"):
        find_objects([tmp_path / "a"], None)
    with pytest.raises(ConfigError, match="cannot be read"):
        find_objects([tmp_path / "b"], None)


async def test_good_lines_arrive_and_a_bad_one_is_named(
    broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
) -> None:
    readings = [{"sensor": f"s{n % 3}", "value": n} for n in range(9)]
    lines = [*map(json.dumps, readings), "[]"]
    (tmp_path / "readings.jsonl").write_text("\n".join(lines))
    command = ("produce", "json", "readings.jsonl", "--topic", topic_name, "--create")
    ended = aimass(*command, "--key-field", "sensor", env=worker_env, cwd=tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert "Sent 9 lines" in ended.stdout
    assert "readings.jsonl:10: it is no JSON object" in ended.stdout
    found = [(r.key, r.value) for r in await read_topic(broker_url, topic_name)]
    expected = [(r["sensor"], json.dumps(r)) for r in readings]
    assert sorted(found) == sorted((str(k).encode(), v.encode()) for k, v in expected)


async def test_a_topic_that_is_mistyped_or_of_other_records_is_not_created(
    broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
) -> None:
    (tmp_path / "readings.jsonl").write_text('{"value": 1}')
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/__init__.py").write_text(APP.format(topic=topic_name))
    wrong = f"{topic_name}s"
    command = ("produce", "json", "readings.jsonl", "--topic")
    ended = aimass(*command, wrong, env=worker_env, cwd=tmp_path)
    assert ended.returncode == 78
    assert f"There is no topic {wrong} on " in ended.stderr
    assert "the app in agents has none" in ended.stderr
    assert f"Did you mean {topic_name}? To create it all the same, give --create." in ended.stderr
    strange = ("produce", "behaviour", "readings.jsonl", "--topic", f"{topic_name}.texts")
    ended = aimass(*strange, env=worker_env, cwd=tmp_path)
    assert ended.returncode == 78
    assert f"declares {topic_name}.texts as a topic of Text, where what you send" in ended.stderr
    ended = aimass(*command, topic_name, env=worker_env, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert f"Created topic {topic_name} with 3 partitions." in ended.stderr
    topics = (await survey(bootstrap_servers(broker_url))).topics
    assert topic_name in topics
    assert not {wrong, f"{topic_name}.texts"} & set(topics)
