"""Every kind of learner from topic to topic: states and answers are as if nobody was killed."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aimass_stream import learners
from aimass_stream.config import settings
from aimass_stream.kafka.sender import Sender
from aimass_stream.learner import Event, Learner
from aimass_stream.learners.online import KINDS as ONLINE_KINDS
from aimass_stream.learners.online import OnlineClassifier, OnlineRegressor
from aimass_stream.records import identity
from aimass_stream.runtime.snapshots import SnapshotStore
from aimass_stream.testing.alike import fingerprint
from aimass_stream.verify.oracle import Watched
from tests.delivery.harness import Harness, running_app
from tests.learning.kinds import KINDS
from tests.learning.test_learning import kill_learner_process
from tests.learning.uninterrupted import answers_on, learn_all, read_all
from tests.voice.declared import calls

KILLS = 3
DAY_MS = 86_400_000
EVERY_REPEATED = 9

Sent = tuple[bytes | None, bytes, int, list[tuple[str, bytes]]]
"""Key, value, timestamp and headers of a record."""


ELSEWHERE: tuple[Learner[Any], ...] = (calls("anywhere"),)
"""A listener loads a transducer, for ten seconds at every start: it is killed where one is built,
in `tests/voice/test_turns.py`."""


def public_learners() -> set[type[Learner[Any]]]:
    """The declarations that `aimass_stream.learners` offers."""
    offered = [getattr(learners, name) for name in learners.__all__]
    return {one for one in offered if isinstance(one, type) and issubclass(one, Learner)}


def test_every_public_learner_is_killed() -> None:
    killed = [type(case.learner) for case in KINDS.values()]
    assert {*killed, *map(type, ELSEWHERE)} == public_learners()


@pytest.mark.parametrize(
    ("declaration", "known"),
    [
        (OnlineClassifier, set(ONLINE_KINDS)),
        (OnlineRegressor, set(ONLINE_KINDS) - {"perceptron"}),
    ],
)
def test_every_kind_of_online_model_is_killed(declaration: type[Any], known: set[str]) -> None:
    mine = [case.learner for case in KINDS.values() if isinstance(case.learner, declaration)]
    assert {kind for one in mine for kind in one.members} == known
    assert {one.kind for one in mine} >= {"stacking", "voting"}


def records_of(events: Sequence[Event]) -> list[Sent]:
    """The records of a log as the engine feeds it: some twice, under one id, as after a kill.

    They end within the last day, at the hour they ended: those of long ago the broker would soon
    delete, and those that are to come it refuses.
    """
    ago_ms = time.time_ns() // 1_000_000 - max(event.timestamp_ms for event in events)
    later_ms = ago_ms // DAY_MS * DAY_MS
    ordinals: Counter[str] = Counter()
    found: list[Sent] = []
    for at, event in enumerate(events):
        answer_id = identity.answer_id(event.root, "feed", identity.NO_MODEL, ordinals[event.root])
        ordinals[event.root] += 1
        headers = {
            identity.SOURCE: f"{event.topic}/0/{event.offset}",
            identity.ROOT: event.root,
            identity.ID: answer_id,
        }
        encoded = [(name, value.encode()) for name, value in headers.items()]
        record = (event.key, event.value, event.timestamp_ms + later_ms, encoded)
        found += [record] * (1 + (at % EVERY_REPEATED == 0))
    return found


async def send_part(
    url: str, name: str, logs: Mapping[str, Sequence[Sent]], part: int, parts: int
) -> int:
    """Send one part of every log; how many records."""
    sent = 0
    async with Sender(url) as sender:
        for kind, log in logs.items():
            for key, value, time_ms, headers in log[
                len(log) * part // parts : len(log) * (part + 1) // parts
            ]:
                await sender.send(
                    f"{name}.{kind}", value, key=key, headers=headers, timestamp_ms=time_ms
                )
                sent += 1
    return sent


@pytest.fixture
def env(worker_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Workers', under a supervisor; what is fitted in this process lies where theirs does."""
    monkeypatch.setenv("AIMASS_STATE", worker_env["AIMASS_STATE"])
    settings.cache_clear()
    yield {**worker_env, "AIMASS_SLOT": "1"}
    settings.cache_clear()


@pytest.mark.kafka
@pytest.mark.timeout(420)
async def test_states_and_answers_are_those_of_a_run_without_a_kill(
    broker_url: str, topic_name: str, env: dict[str, str], tmp_path: Path
) -> None:
    name, draw = topic_name, random.Random(5)
    logs = {kind: records_of(case.events()) for kind, case in KINDS.items()}
    topics = {f"{name}.{kind}{end}": 1 for kind in KINDS for end in ("", ".said")}
    watched = [Watched(kind, f"{name}.{kind}", f"{name}.{kind}.said") for kind in KINDS]
    async with running_app(
        "tests.learning.kinds_app", name, broker_url, env, tmp_path, topics, watched
    ) as harness:
        harness.give_models_of_its_own()
        worker = harness.start_worker()
        for kill in range(KILLS):
            sent = await send_part(broker_url, name, logs, kill, KILLS + 1)
            due = known(harness) + draw.randrange(1, sent)
            await harness.until(lambda: known(harness) >= due, deadline_s=120)  # noqa: B023 - awaited here
            if kill % 2:
                kill_learner_process(worker.pid)
            else:
                await harness.stop(worker, signal.SIGKILL)
                worker = harness.start_worker()
        await send_part(broker_url, name, logs, KILLS, KILLS + 1)
        whole = sum(map(len, logs.values()))
        await harness.until(
            lambda: known(harness) >= whole and harness.oracle.settled(), deadline_s=120
        )
        assert await harness.stop(worker) == 0
        for account in harness.oracle.accounts.values():
            assert (account.dead, account.differing) == ({}, 0)
        for kind in KINDS:
            await assert_as_if_uninterrupted(kind, name, broker_url, Path(env["AIMASS_STATE"]))


def known(harness: Harness) -> int:
    """Records that have an outcome."""
    return sum(len(account.fates) for account in harness.oracle.accounts.values())


async def assert_as_if_uninterrupted(kind: str, name: str, url: str, state: Path) -> None:
    """Every answer, and every state that was laid down, is that of a run without a kill."""
    learner, log = KINDS[kind].learner, f"{name}.{kind}"
    folder = state / "snapshots" / name / learner.id / kind / log / "0"
    store = SnapshotStore(str(folder), learner.id)
    offsets = store.offsets()
    assert offsets[-1] > 0, kind
    (chunks,) = (await read_all(url, log)).values()
    whole = learn_all(learner, f"{log}/0", chunks, offsets)
    assert await answers_on(url, f"{log}.said") == whole.answers, kind
    assert whole.answers, kind
    for offset in offsets:
        kept, due = store.read(offset), whole.states[offset]
        assert fingerprint(kept.snapshot) == fingerprint(due.snapshot), (kind, offset)
        assert kept.seen == due.seen, (kind, offset)
