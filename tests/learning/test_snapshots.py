"""Generations of snapshots: whole or refused, and kept for as long as they may be needed."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from aimass_stream.learner import Snapshot
from aimass_stream.runtime.blocks import LaidDown
from aimass_stream.runtime.snapshots import (
    DamagedSnapshotError,
    SnapshotStore,
    UnwrittenSnapshotError,
)


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(str(tmp_path / "a" / "b"), "fold@1")


def laid_down(offset: int) -> LaidDown:
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(offset)}
    return LaidDown(
        offset, Snapshot(arrays, {"name": "x", "bytes": b"\0", "list": [1, 2.5]}), b"8" * 16
    )


def test_what_was_written_is_read(store: SnapshotStore) -> None:
    store.write(laid_down(7), committed=7)
    read = store.read(7)
    assert read.offset == 7
    assert read.seen == b"8" * 16
    assert read.snapshot.data == {"name": "x", "bytes": b"\0", "list": [1, 2.5]}
    assert read.snapshot.arrays["w"].dtype == np.float32
    assert np.array_equal(read.snapshot.arrays["w"], laid_down(7).snapshot.arrays["w"])
    assert int(read.snapshot.arrays["n"]) == 7


@pytest.mark.parametrize("harm", ["flip", "truncate", "empty", "pickle"])
def test_damage_is_noticed(store: SnapshotStore, tmp_path: Path, harm: str) -> None:
    store.write(laid_down(7), committed=7)
    (path,) = (tmp_path / "a" / "b").iterdir()
    held = bytearray(path.read_bytes())
    if harm == "flip":
        held[len(held) // 2] ^= 1
    path.write_bytes(
        {"truncate": bytes(held[:-1]), "empty": b"", "pickle": b"\x80\x04N."}.get(harm, bytes(held))
    )
    with pytest.raises(DamagedSnapshotError):
        store.read(7)


def test_another_learners_snapshot_is_refused(store: SnapshotStore, tmp_path: Path) -> None:
    store.write(laid_down(7), committed=7)
    with pytest.raises(DamagedSnapshotError, match="fold@1"):
        SnapshotStore(str(tmp_path / "a" / "b"), "fold@2").read(7)


def test_three_that_can_be_gone_back_to_are_kept_beside_the_first(store: SnapshotStore) -> None:
    for offset in (0, 10, 20, 30, 40, 50):
        store.write(laid_down(offset), committed=45)
    assert store.offsets() == [0, 20, 30, 40, 50]


def test_none_is_deleted_while_the_group_has_committed_nothing(store: SnapshotStore) -> None:
    for offset in range(0, 60, 10):
        store.write(laid_down(offset), committed=0)
    assert store.offsets() == [0, 10, 20, 30, 40, 50]


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process may become larger, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_the_last_good_one_and_says_how_much_is_needed(
    store: SnapshotStore, tmp_path: Path
) -> None:
    store.write(laid_down(7), committed=7)
    needed = (tmp_path / "a" / "b" / f"{7:020d}.snapshot").stat().st_size
    with (
        full_disk(needed // 2),
        pytest.raises(UnwrittenSnapshotError, match=rf"{9:020d}.snapshot, of {needed} bytes"),
    ):
        store.write(laid_down(9), committed=9)
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == [f"{7:020d}.snapshot"]
    assert store.read(7).offset == 7
    store.write(laid_down(9), committed=9)
    assert store.read(9).offset == 9


def test_a_folder_that_cannot_be_one_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = SnapshotStore(str(tmp_path / "file" / "a"), "fold@1")
    assert store.offsets() == []
    with pytest.raises(UnwrittenSnapshotError, match="cannot be written"):
        store.write(laid_down(7), committed=7)


def test_what_a_killed_writer_left_is_ignored_and_cleaned(
    store: SnapshotStore, tmp_path: Path
) -> None:
    store.write(laid_down(7), committed=7)
    left = tmp_path / "a" / "b" / f"{8:020d}.snapshot.new"
    left.write_bytes(b"half a snap")
    ahead = tmp_path / "a" / "b" / f"{12:020d}.snapshot.new"
    ahead.write_bytes(b"of one that still writes")
    assert store.offsets() == [7]
    store.write(laid_down(9), committed=9)
    assert store.offsets() == [7, 9]
    assert (left.exists(), ahead.exists()) == (False, True)
