"""The page on choosing a model version, run as it stands: a worker, two versions, and rewards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from aimass_stream.records import identity
from aimass_stream.verify.oracle import Watched
from tests.cli.commands import aimass
from tests.delivery.harness import running_app, send
from tests.learning.uninterrupted import read_all

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PAGE = Path(__file__).parents[2] / "docs" / "learning.md"
AROUND = """\
from collections.abc import AsyncIterator

import msgspec
import orjson

from aimass_stream import App, Choice, Inline, Prediction, Record, Stream, Text, Topic

app = App("{name}", origin="page")
texts = Topic("{name}.texts", Record)
intents_3, intents_4 = (
    Inline(
        "intents",
        lambda chunk, label=f"as {{version}} says": [Prediction(label, 1.0)] * len(chunk),
        version=version,
        answer=Prediction,
    )
    for version in "34"
)

"""
TEXTS = 60


def example(name: str) -> str:
    """The code of the page, its topics named for one run."""
    _, _, section = PAGE.read_text(encoding="utf-8").partition("### Choosing a model version")
    found = re.search(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    return AROUND.format(name=name) + found[1].replace('Topic("', f'Topic("{name}.')


async def rows_of(url: str, topic: str) -> list[tuple[str, dict[str, str], Any]]:
    """Every record of a topic: its place, its headers and what its JSON says."""
    found = []
    for chunks in (await read_all(url, topic)).values():
        for chunk in chunks:
            for row in range(len(chunk)):
                place = f"{topic}/{chunk.partition}/{chunk.offsets[row]}"
                headers = {key: value.decode() for key, value in chunk.headers[row]}
                found.append((place, headers, orjson.loads(chunk.values[row] or b"")))
    return found


async def test_each_text_is_answered_by_the_version_that_was_drawn_for_it(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    name, log = topic_name, f"{topic_name}.versions.log"
    texts, rewards, routed, intents = (
        f"{name}.{part}" for part in ("texts", "rewards", "routed", "intents")
    )
    (tmp_path / "page.py").write_text(example(name))
    topics = {texts: 2, rewards: 2, routed: 2, intents: 2, log: 1}
    watched = [
        Watched("route", log, routed),
        Watched("answer", routed, intents),
    ]
    async with running_app(
        "page", name, broker_url, worker_env, tmp_path, topics, watched
    ) as harness:
        harness.give_models_of_its_own()
        harness.start_worker()
        said: list[dict[str, Any]] = [
            {"text": f"where is {row}?", "chars": 10 + row % 7} for row in range(TEXTS)
        ]
        await send(broker_url, texts, [orjson.dumps(one) for one in said])
        answered = harness.oracle.accounts["answer"].fates
        await harness.until(lambda: len(answered) >= TEXTS and harness.oracle.settled())
        assert set(answered.values()) == {"answered"}, harness.logs()

        drawn = await rows_of(broker_url, routed)
        arms = {place: choice["arm"] for place, _, choice in drawn}
        assert set(arms.values()) == {"intents@3", "intents@4"}
        assert sorted(c["text"] for _, _, c in drawn) == sorted(t["text"] for t in said)
        for _, headers, answer in await rows_of(broker_url, intents):
            version = arms[headers[identity.SOURCE]].removeprefix("intents@")
            assert answer["label"] == f"as {version} says"

        roots = [headers[identity.ROOT] for _, headers, _ in drawn]
        await send(
            broker_url, rewards, [orjson.dumps({"record": root, "reward": 1}) for root in roots]
        )
    judged = aimass("bandit", routed, rewards, "--json", env=worker_env, cwd=tmp_path)
    assert judged.returncode == 0, judged.stderr
    assert orjson.loads(judged.stdout)["choices"] == TEXTS
