"""Snapshots as files: which there are, what a log may lose, and that damage is done."""

import random
from pathlib import Path

from aimass_stream.verify.kept import damage, find_kept, horizons


def keep(folder: Path, agent: str, topic: str, partition: int, *offsets: int) -> None:
    state = folder / "app" / "learner@1" / agent / topic / str(partition)
    state.mkdir(parents=True)
    for offset in offsets:
        (state / f"{offset:020}.snapshot").write_bytes(b"a snapshot of %d" % offset)
    (state / "draft").write_bytes(b"")


def test_states_are_found_with_their_snapshots_oldest_first(tmp_path: Path) -> None:
    keep(tmp_path, "watch", "events", 3, 40, 0, 20)
    (kept,) = find_kept(tmp_path)
    assert kept.place == ("events", 3)
    assert [int(file.stem) for file in kept.files] == [0, 20, 40]
    assert [int(file.stem) for file in kept.up_to(39)] == [0, 20]


def test_a_log_may_lose_only_what_no_state_needs(tmp_path: Path) -> None:
    keep(tmp_path, "watch", "events", 0, 0, 60)
    keep(tmp_path, "count", "events", 0, 0, 20)
    keep(tmp_path, "watch", "events", 1, 0)
    assert horizons(find_kept(tmp_path)) == {("events", 0): 20, ("events", 1): 0}


def test_damage_changes_a_file_whatever_is_drawn(tmp_path: Path) -> None:
    file, lengths = tmp_path / "0.snapshot", set()
    for seed in range(40):
        file.write_bytes(b"what was learnt")
        damage(file, random.Random(seed))
        assert file.read_bytes() != b"what was learnt"
        lengths.add(len(file.read_bytes()) == len(b"what was learnt"))
    assert lengths == {True, False}
