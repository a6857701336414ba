"""What an account adds up to, and the command that shows it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aimass_stream.kafka.replays import Replay
from aimass_stream.verify.audit import audit
from aimass_stream.verify.oracle import Account, Watched
from tests.cli.commands import aimass
from tests.delivery.harness import running, send

COPY = Watched("copy", "in", "out")


def test_each_record_is_counted_once() -> None:
    account = Account(
        arrived_ms={(0, offset): 0 for offset in range(7)},
        fates={
            (0, 0): "answered",
            (0, 1): "quiet",
            (0, 2): "dead_lettered",
            (0, 3): "answered",
            (0, 9): "answered",
        },
        answers={(0, 0): b"a"},
        dead={(0, 2): "empty"},
        duplicated=2,
    )
    found = audit(COPY, account, {("in", 0): 6, ("in", 1): 100})
    assert (found.came, found.answered, found.quiet, found.dead_lettered) == (7, 1, 1, 1)
    assert (found.unborne, found.lost, found.waiting, found.repeats) == (1, 2, 1, 2)
    assert not found.is_sound


def test_letters_of_a_record_that_its_second_replay_answered_are_answered_since() -> None:
    account = Account(
        arrived_ms={(0, offset): 0 for offset in range(4)},
        fates={(0, n): "dead_lettered" for n in range(3)} | {(0, 3): "answered"},
        answers={(0, 3): b"a"},
        dead={(0, 0): "empty", (0, 1): "empty", (0, 2): "empty"},
    )
    # Offset 0 came again at 2, failed, and came again at 3; offset 1 was never replayed.
    replays = [
        replay("in/0/0", "in/0/2"),
        replay("in/0/2", "in/0/3"),
        replay("else/0/1", "else/0/3"),
    ]
    found = audit(COPY, account, {("in", 0): 4}, replays)
    assert (found.came, found.replays, found.dead_lettered, found.answered_since) == (4, 2, 3, 2)


def replay(source: str, to: str) -> Replay:
    return Replay(
        letters=[],
        id="",
        source=source,
        agent="copy",
        mode="source",
        to=to,
        outcome="sent",
        by="me",
    )


def test_what_waits_is_sound_and_what_disagrees_is_not() -> None:
    waiting = Account(arrived_ms={(0, 0): 0})
    assert audit(COPY, waiting, {}).is_sound
    waiting.differing = 1
    assert not audit(COPY, waiting, {}).is_sound


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_the_command_accounts_for_what_a_worker_did(
    broker_url: str, topic_name: str, worker_env: dict[str, str], tmp_path: Path
) -> None:
    app, root = "tests.delivery.record_app", Path(__file__).parents[2]
    async with running(topic_name, broker_url, worker_env, tmp_path, app) as harness:
        source = f"{topic_name}.source"
        await send(broker_url, source, [b"%d" % number for number in range(50)] + [b"raise"])
        worker = harness.start_worker()
        await harness.until_settled(51)
        assert await harness.stop(worker) == 0
        await send(broker_url, source, [b"later"] * 3)
        env = {**worker_env, "TEST_APP": topic_name}
        said = aimass("audit", "--app", app, "--json", env=env, cwd=root)
        assert said.returncode == 0, said.stderr
        (row,) = map(json.loads, said.stdout.splitlines())
        assert row["agent"] == "copy"
        assert (row["came"], row["answered"], row["dead_lettered"]) == (54, 50, 1)
        assert (row["waiting"], row["lost"], row["unborne"], row["differing"]) == (3, 0, 0, 0)
        shown = aimass("audit", "--app", app, env=env, cwd=root)
        assert "3 have no outcome yet: a worker reads them next." in shown.stdout
        assert row["foreign"] == {}
        assert "no engine wrote" not in shown.stdout
        foreign = {
            f"{topic_name}.answers": 1,
            f"{topic_name}.dead_letters": 1,
            f"{topic_name}.outcomes": 2,
        }
        for topic, count in foreign.items():
            await send(broker_url, topic, [b"garbage"] * count)
        again = aimass("audit", "--app", app, "--json", env=env, cwd=root)
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout) == {**row, "foreign": foreign}
        shown = aimass("audit", "--app", app, env=env, cwd=root)
        assert (
            f"Left out, since no engine wrote it: 1 record on {topic_name}.answers, "
            f"1 record on {topic_name}.dead_letters, 2 records on {topic_name}.outcomes."
        ) in " ".join(shown.stdout.split())


def test_an_app_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = aimass("audit", "--app", "nosuch", env=os.environ, cwd=tmp_path)
    assert said.returncode == 78
    assert "nosuch" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.kafka
def test_an_app_that_never_ran_is_told_from_one_without_records(
    broker_url: str, topic_name: str, worker_env: dict[str, str]
) -> None:
    env = {**worker_env, "AIMASS_BROKER": broker_url, "TEST_APP": topic_name}
    root = Path(__file__).parents[2]
    said = aimass("audit", "--app", "tests.delivery.record_app", env=env, cwd=root)
    listed = aimass("dlq", "list", "--app-id", topic_name, env=env, cwd=root)
    for ended in (said, listed):
        assert ended.returncode == 78
        assert f"No worker of {topic_name} has run on {broker_url} yet" in ended.stderr
        assert "Try: aimass worker" in ended.stderr
