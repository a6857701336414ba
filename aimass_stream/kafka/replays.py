"""The audit of replays: one record for each dead letter that somebody had tried again.

It lies on `<app>.dead_letters.replays`, which has one partition, so there is one order.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from aimass_stream.kafka.dead_letters import dead_letters_topic
from aimass_stream.kafka.topics import TopicPlan
from aimass_stream.records import Record

Mode = Literal["source", "model"]
Outcome = Literal["sent", "answered", "quiet", "dead_lettered"]


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter that was replayed.

    Attributes:
        letters: `topic/partition/offset` of the letter, and then of others of the same record
            and agent, which need no replay any more.
        id: the letter's `aimass-id`.
        source: `topic/partition/offset` of the record it is about.
        agent: the agent that could not answer it.
        mode: `source`: the record was written to its topic again; `model`: the agent was run
            here, with the model named.
        to: where the record is now, for `source`; the model's `name@version`, for `model`.
        outcome: `sent` for `source`; else what came of it: `answered`, `quiet` or
            `dead_lettered`.
        by: `user@host`.
        at_ms: when, milliseconds since the epoch.
        picked_by: the filters of the command.
    """

    letters: list[str]
    id: str
    source: str
    agent: str
    mode: Mode
    to: str
    outcome: Outcome
    by: str
    at_ms: int = msgspec.field(default_factory=lambda: time.time_ns() // 1_000_000)
    picked_by: Sequence[str] = ()


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Replay).decode


def replays_topic(app_id: str) -> str:
    """Name of the topic of an app's replays."""
    return f"{dead_letters_topic(app_id)}.replays"


def plan_replays(app_id: str) -> TopicPlan:
    """The topic, as the first replay of an app creates it."""
    return TopicPlan(replays_topic(app_id), 1)


def replay_of(record: Record) -> Replay | None:
    """What a record of the topic says; None where something else wrote it."""
    try:
        return _decode(record.value or b"")
    except msgspec.MsgspecError:
        return None
