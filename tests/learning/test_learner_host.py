"""Opening a state: from the right generation, with nobody else's calls, or not at all."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aimass_stream.errors import RecordError
from aimass_stream.learner import Event
from aimass_stream.model import ModelSpec
from aimass_stream.runtime.blocks import LaidDown
from aimass_stream.runtime.learner_host import LearnerHost
from aimass_stream.runtime.learner_messages import COMMAND, EVENT, Learn, Open, Opened, encode
from aimass_stream.runtime.snapshots import SnapshotStore
from tests.learning.learners import FoldState
from tests.learning.test_snapshots import full_disk

PLACE = "agent/topic/0"


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    options = {
        "adapter": "tests.learning.learners:FoldState",
        "settings": {},
        "block_rows": 4,
        "snapshot_rows": 8,
        "snapshots": str(tmp_path),
    }
    return ModelSpec("fold", "1", "unused", "", options)


class Caller:
    """Speaks to a host as a worker does."""

    def __init__(self, spec: ModelSpec) -> None:
        self.host = LearnerHost(spec, "learners")
        self.epoch = 0
        self.offset = 0
        self.unsaved = ""

    def open(self, offset: int, began: int = -1) -> Opened:
        (opened,) = self.call(Open(PLACE, offset, began))
        self.epoch, self.offset = opened.epoch, opened.offset
        assert isinstance(opened, Opened)
        return opened

    def learn(self, values: Sequence[bytes], committed: int = 0) -> list[Any]:
        first, self.offset = self.offset, self.offset + len(values)
        events = [Event(first + at, "t", 0, "", None, value) for at, value in enumerate(values)]
        command = Learn(PLACE, self.epoch, first, self.offset, committed)
        learnt, *answers = self.call(command, events)
        self.unsaved = learnt.unsaved
        return answers

    def call(self, command: Open | Learn, events: Sequence[Event] = ()) -> Sequence[Any]:
        payloads = [COMMAND + encode(command), *(EVENT + encode(event) for event in events)]
        return self.host.predict([self.host.decode(payload) for payload in payloads])

    def learn_alone(self, count: int, committed: int) -> None:
        """One record a call, each snapshot written before the next is due."""
        for number in range(count):
            self.learn([b"%d" % number], committed)
            if (writing := self.host._states[PLACE].writing) is not None:
                writing.result()
        self.unsaved = self.host._states[PLACE].unsaved


@pytest.fixture
def caller(spec: ModelSpec) -> Iterator[Caller]:
    caller = Caller(spec)
    yield caller
    caller.host.close()


def generations(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "fold@1" / PLACE).iterdir())


def test_a_new_learner_begins_where_the_group_stands(caller: Caller) -> None:
    assert caller.open(100).offset == 100
    assert [answer.learnt for answer in caller.learn([b"a"] * 5)] == [0, 0, 0, 0, 4]


def test_a_generation_beyond_what_is_answered_next_is_not_used(caller: Caller) -> None:
    caller.open(0)
    caller.learn_alone(40, committed=0)
    assert caller.open(20).offset == 16
    assert [answer.learnt for answer in caller.learn([b"16"])] == [16]


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "flip": lambda held: (
        held[: len(held) // 2] + bytes([held[len(held) // 2] ^ 1]) + held[len(held) // 2 + 1 :]
    ),
    "truncate": lambda held: held[:-1],
    "empty": lambda _: b"",
    "pickle": lambda _: pickle.dumps({"learnt": 24}),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_generation_falls_back_to_the_one_before_and_catches_up(
    caller: Caller, tmp_path: Path, damaged: int, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    caller.open(0)
    caller.learn_alone(24, committed=24)
    undisturbed = caller.learn([b"next"])
    for path in generations(tmp_path)[-damaged:]:
        path.write_bytes(HARMS[harm](path.read_bytes()))
    start = 24 - 8 * damaged
    assert caller.open(24).offset == start
    assert f"snapshot {start} of" in caplog.text
    assert f"is used instead of {start + 8}" in caplog.text
    caller.learn([b"%d" % number for number in range(start, 24)])
    assert caller.learn([b"next"]) == undisturbed


def test_snapshots_are_laid_down_wherever_chunks_end(caller: Caller, tmp_path: Path) -> None:
    caller.open(0)
    for chunk in range(5):
        caller.learn([b"%d" % (9 * chunk + at) for at in range(9)], committed=9 * chunk)
        if (writing := caller.host._states[PLACE].writing) is not None:
            writing.result()
    undisturbed = caller.learn([b"next"])
    assert [int(path.stem) for path in generations(tmp_path)] == [0, 16, 24, 36, 44]
    assert caller.open(45).offset == 44
    caller.learn([b"44"])
    assert caller.learn([b"next"]) == undisturbed


def test_another_learners_generation_is_not_used(caller: Caller, tmp_path: Path) -> None:
    caller.open(0)
    caller.learn_alone(24, committed=24)
    *_, newest = generations(tmp_path)
    store = SnapshotStore(str(newest.parent), "other@1")
    store.write(LaidDown(24, FoldState({}).snapshot(), b""), committed=0)
    assert caller.open(24).offset == 16


def test_a_full_disk_stops_no_learning_and_is_said_until_there_is_room(
    caller: Caller, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caller.open(0)
    caller.learn_alone(8, committed=8)
    kept = generations(tmp_path)
    with full_disk(16):
        caller.learn_alone(8, committed=8)
        assert f"{16:020d}.snapshot" in caller.unsaved
        assert "bytes, cannot be written" in caplog.text
    assert generations(tmp_path) == kept
    caller.learn_alone(8, committed=16)
    assert caller.unsaved == ""
    assert "written again" in caplog.text
    answers = caller.learn([b"next"])
    assert caller.open(24).offset == 24
    assert caller.learn([b"next"]) == answers


def test_a_new_learner_whose_snapshots_cannot_be_kept_is_refused(caller: Caller) -> None:
    with full_disk(16):
        assert "AIMASS_SNAPSHOTS" in caller.open(0).problem


def test_without_any_snapshot_the_log_is_learnt_again_from_where_it_began(
    caller: Caller, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    began = caller.open(5).began
    caller.learn_alone(24, committed=24)
    undisturbed = caller.learn([b"next"])
    shutil.rmtree(tmp_path / "fold@1")
    opened = caller.open(29, began)
    assert (opened.offset, opened.began) == (5, 5)
    assert "is gone: the log is learnt again from offset 5" in caplog.text
    caller.learn([b"%d" % number for number in range(24)])
    assert caller.learn([b"next"]) == undisturbed


def test_when_every_generation_is_damaged_the_learner_does_not_begin_anew(
    caller: Caller, tmp_path: Path
) -> None:
    caller.open(0)
    caller.learn_alone(24, committed=24)
    for path in generations(tmp_path):
        path.write_bytes(b"")
    assert "can be used" in caller.open(24).problem


def test_a_group_that_was_moved_before_the_oldest_generation_is_refused(caller: Caller) -> None:
    caller.open(100)
    assert "before it" in caller.open(50).problem


def test_an_earlier_owner_is_refused(caller: Caller) -> None:
    caller.open(0)
    stale = caller.epoch
    caller.open(0)
    caller.epoch = stale
    with pytest.raises(ValueError, match="not open"):
        caller.learn([b"a"])


def test_events_that_were_taken_are_refused(caller: Caller) -> None:
    caller.open(0)
    caller.learn([b"a", b"b"])
    caller.offset = 1
    with pytest.raises(ValueError, match="not open at offset 1"):
        caller.learn([b"b"])


def test_a_state_in_doubt_is_dropped(caller: Caller) -> None:
    caller.open(0)
    with pytest.raises(ValueError, match="cannot learn"):
        caller.learn([b"a", b"b", b"c", b"unlearnable"])
    with pytest.raises(ValueError, match="not open"):
        caller.learn([b"d"])
    assert caller.open(0).offset == 0


def test_an_event_that_is_no_input_is_said_so_without_its_value(caller: Caller) -> None:
    event = Event(0, "t", 0, "", None, b"bad")
    with pytest.raises(RecordError, match="bad_envelope"):
        caller.host.decode(EVENT + encode(event))
