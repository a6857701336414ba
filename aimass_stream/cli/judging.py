"""What `aimass bandit` reads and shows."""

from __future__ import annotations

import asyncio
import math
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
import numpy as np
import orjson
from rich.table import Table
from rich.text import Text

from aimass_stream.cli.record_text import escape
from aimass_stream.cli.terminal import make_console, use_broker
from aimass_stream.cli.units import count_text
from aimass_stream.cli.watching import unknown_topic
from aimass_stream.config import load_settings
from aimass_stream.errors import AimassError, ConfigError, RecordError
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.survey import survey
from aimass_stream.learners.bandit.off_policy import Estimated, Logged, Worth, earned, worths
from aimass_stream.records import Choice, Record, identity, read_reward

FEW = 50
"""Effective choices below which an interval is not to be trusted."""


@dataclass
class Read:
    """What the topics hold.

    Attributes:
        choices: the first for each record, by bandit and arms.
        rewards: the first in time for each record, with its place.
        unread: values that are neither.
    """

    choices: dict[tuple[str, tuple[str, ...]], dict[str, Choice]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    rewards: dict[str, tuple[tuple[int, int, int], float]] = field(default_factory=dict)
    unread: int = 0

    def take_choice(self, record: Record) -> None:
        """Remember a choice; a repeat of one changes nothing."""
        try:
            choice = msgspec.json.decode(record.value or b"", type=Choice)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            choice = None
        if choice is None or not _can_be(choice):
            self.unread += 1
            return
        bandit = record.header(identity.MODEL) or "unnamed"
        self.choices[bandit, tuple(choice.scores)].setdefault(record.root, choice)

    def take_reward(self, record: Record) -> None:
        """Remember a reward, unless an earlier one is known."""
        try:
            reward = read_reward(record.value)
        except RecordError:
            self.unread += 1
            return
        found = (record.timestamp_ms, record.partition, record.offset), reward.reward
        self.rewards[reward.record] = min(found, self.rewards.get(reward.record, found))


@dataclass(frozen=True)
class Judged:
    """A bandit beside other policies.

    Attributes:
        bandit: `name@version`.
        choices: records that it chose for.
        rewarded: those whose reward is known.
        rewarded_by_arm: for each arm, how many of its choices.
        missing: what the others are taken to have earned; None where they are left out.
        earned: a choice, as it was.
        worths: of other policies.
    """

    bandit: str
    choices: int
    rewarded: int
    rewarded_by_arm: dict[str, tuple[int, int]]
    missing: float | None
    earned: Estimated | None
    worths: list[Worth]


def run_bandit(choices: str, rewards: str, missing: float | None, *, as_json: bool) -> None:
    """Read the topics and print what policies are worth.

    Raises:
        AimassError: there is no such topic.
        BrokerError: the broker cannot be reached.
        ConfigError: no choice lies on the topic.
    """
    with use_broker(load_settings()) as url:
        read = asyncio.run(_read(url, choices, rewards))
    if not read.choices:
        raise ConfigError(f"There is no choice on {choices}. Answers of a Bandit lie there.")
    judged = [judge(*each, read, missing) for each in read.choices]
    if as_json:
        for one in judged:
            sys.stdout.buffer.write(orjson.dumps(_as_json(one)) + b"\n")
        return
    for one in judged:
        _show(one)
    if read.unread:
        make_console().print(f"Passed over: {count_text(read.unread, 'value')} of another kind.")


def judge(bandit: str, arms: tuple[str, ...], read: Read, missing: float | None) -> Judged:
    """What policies are worth by the choices of one bandit."""
    made = read.choices[bandit, arms]
    by_arm = {arm: [0, 0] for arm in arms}
    used: list[tuple[Choice, float]] = []
    for root, choice in made.items():
        found = read.rewards.get(root)
        by_arm[choice.arm][0] += found is not None
        by_arm[choice.arm][1] += 1
        reward = missing if found is None else found[1]
        if reward is not None:
            used.append((choice, reward))
    logged = Logged(
        np.array([arms.index(choice.arm) for choice, _ in used], np.int64),
        np.array([choice.propensity for choice, _ in used], np.float64),
        np.array([reward for _, reward in used], np.float64),
        np.array([[*choice.scores.values()] for choice, _ in used], np.float64).reshape(
            len(used), len(arms)
        ),
    )
    return Judged(
        bandit,
        len(made),
        sum(found for found, _ in by_arm.values()),
        {arm: (found, of) for arm, (found, of) in by_arm.items()},
        missing,
        earned(logged),
        worths(logged, arms),
    )


def _can_be(choice: Choice) -> bool:
    return (
        0 < choice.propensity <= 1
        and choice.arm in choice.scores
        and all(map(math.isfinite, choice.scores.values()))
    )


async def _read(url: str, choices: str, rewards: str) -> Read:
    # A client that asks for a topic by name may create it, so the list is asked for.
    there = (await survey(bootstrap_servers(url))).topics
    for topic in (choices, rewards):
        if topic not in there:
            raise AimassError(unknown_topic(topic, url, there))
    read = Read()
    async for record in _records(url, choices):
        read.take_choice(record)
    async for record in _records(url, rewards):
        read.take_reward(record)
    return read


async def _records(url: str, topic: str) -> AsyncIterator[Record]:
    """Every record of a topic, as it ends now."""
    async with TopicReader(url, [topic]) as reader:
        ends = await reader.end_offsets()
        while await reader.remains(ends):
            for chunk in await reader.poll():
                for record in chunk.records(Record):
                    yield record


def _show(judged: Judged) -> None:
    title = f"{escape(judged.bandit)}: {count_text(judged.choices, 'choice')}, "
    title += f"{judged.rewarded:,} with a reward ({judged.rewarded / judged.choices:.1%})"
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("policy")
    for header in ("effective", "IPS", "self-normalised", "doubly robust"):
        table.add_column(header, justify="right")
    table.add_row("as it was", "", _text(judged.earned), "", "")
    for worth in judged.worths:
        estimates = (worth.ips, worth.self_normalised, worth.doubly_robust)
        few = worth.effective < FEW
        cells = (f"{worth.effective:,.0f}", *map(_text, estimates))
        table.add_row(Text(escape(worth.policy)), *cells, style="yellow" if few else None)
    console = make_console()
    console.print(table)
    for line in _sentences(judged):
        console.print(Text(line))


def _sentences(judged: Judged) -> list[str]:
    """What the table does not say by itself."""
    lines = []
    if few := [worth.policy for worth in judged.worths if worth.effective < FEW]:
        lines.append(
            f"Fewer than {FEW} effective choices: {', '.join(map(escape, few))}. "
            "Their intervals are too narrow."
        )
    if judged.rewarded < judged.choices:
        shares = ", ".join(
            f"{escape(arm)} {found:,} of {of:,}"
            for arm, (found, of) in judged.rewarded_by_arm.items()
        )
        taken = "left out" if judged.missing is None else f"taken as {judged.missing:g}"
        lines.append(f"Rewarded: {shares}. The others are {taken}.")
    return lines


def _text(estimated: Estimated | None) -> str:
    if estimated is None:
        return "-"
    return f"{estimated.mean:.4f} ±{estimated.high - estimated.mean:.4f}"


def _as_json(judged: Judged) -> dict[str, Any]:
    said = asdict(judged)
    said["earned"] = _interval_json(judged.earned)
    for worth, own in zip(judged.worths, said["worths"], strict=True):
        for name in ("ips", "self_normalised", "doubly_robust"):
            own[name] = _interval_json(getattr(worth, name))
    return said


def _interval_json(estimated: Estimated | None) -> dict[str, float] | None:
    return None if estimated is None else estimated._asdict()
