"""`aimass bandit`: choices and rewards on topics, and what is said of other policies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from aimass_stream.cli.judging import Read, judge
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import Choice, Record, identity
from tests.cli.commands import aimass

SCORES = {"a": 0.4, "b": 0.6}


def headers(number: int) -> list[tuple[str, bytes]]:
    return [(identity.ROOT, f"pages/0/{number}".encode()), (identity.MODEL, b"slots@1")]


def chosen(number: int, arm: str = "a", propensity: float = 0.5, **instead: Any) -> Record:
    value = msgspec.json.encode(instead or Choice(arm, propensity, SCORES))
    return Record("slots", 0, number, 0, None, value, headers(number))


def told(number: int, reward: float, time_ms: int = 0) -> Record:
    value = orjson.dumps({"record": f"pages/0/{number}", "reward": reward})
    return Record("rewards", 0, number, time_ms, None, value, [])


def read_of(choices: list[Record], rewards: list[Record]) -> Read:
    read = Read()
    for choice in choices:
        read.take_choice(choice)
    for reward in rewards:
        read.take_reward(reward)
    return read


def test_the_first_choice_and_the_earliest_reward_of_a_record_count() -> None:
    read = read_of(
        [chosen(0), chosen(0, "b"), chosen(1, "b"), chosen(2)],
        [told(0, 1.0, 9), told(0, 0.0, 5), told(1, 1.0), told(7, 1.0)],
    )
    judged = judge("slots@1", ("a", "b"), read, None)
    assert (judged.choices, judged.rewarded) == (3, 2)
    assert judged.rewarded_by_arm == {"a": (1, 2), "b": (1, 1)}
    assert judged.earned is not None
    assert judged.earned.mean == 0.5
    all_count = judge("slots@1", ("a", "b"), read, 0.0)
    assert all_count.earned is not None
    assert all_count.earned.mean == pytest.approx(1 / 3)


def test_what_is_no_choice_and_no_reward_is_passed_over() -> None:
    read = read_of(
        [
            chosen(0, propensity=0.0),
            chosen(1, "c"),
            chosen(2, label="cat"),
            Record("slots", 0, 3, 0, None, None, []),
        ],
        [Record("rewards", 0, 0, 0, None, b'{"record": "pages/0/1"}', [])],
    )
    assert (len(read.choices), len(read.rewards), read.unread) == (0, 0, 5)


async def test_the_command_tells_from_topics_what_policies_are_worth(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    slots, rewards = f"{topic_name}.slots", f"{topic_name}.rewards"
    plans = [TopicPlan(slots, 2), TopicPlan(rewards, 2)]
    await create_topics({"bootstrap_servers": bootstrap_servers(broker_url)}, plans, 1)
    async with Sender(broker_url) as sender:
        for number in range(200):
            arm = "ab"[number % 2]
            value = chosen(number, arm).value
            await sender.send(slots, value, headers=headers(number), partition=number % 2)
            if number < 160:
                await sender.send(rewards, told(number, float(arm == "b")).value)
    said = await asyncio.to_thread(
        aimass, "bandit", slots, rewards, "--json", env=worker_env, cwd=tmp_path
    )
    assert said.returncode == 0, said.stderr
    found = orjson.loads(said.stdout)
    assert (found["bandit"], found["choices"], found["rewarded"]) == ("slots@1", 200, 160)
    means = {one["policy"]: one["self_normalised"]["mean"] for one in found["worths"]}
    assert means == {"always a": 0, "always b": 1, "uniform": 0.5, "greedy": 1}
    shown = await asyncio.to_thread(aimass, "bandit", slots, rewards, env=worker_env, cwd=tmp_path)
    assert "slots@1: 200 choices, 160 with a reward (80.0%)" in shown.stdout
    assert "The others are left out." in shown.stdout
    none = await asyncio.to_thread(aimass, "bandit", slots, "odd", env=worker_env, cwd=tmp_path)
    assert none.returncode == 1
    assert "There is no topic odd" in none.stderr
