from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from aimass_stream.runtime.socket_folder import SocketFolder


def test_the_folder_of_a_dead_owner_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folders = [SocketFolder.make() for _ in range(3)]
    alive, dead, young = folders
    assert dead.path.stat().st_mode & 0o777 == 0o700
    for folder in (dead, young):
        os.close(folder._fd)
    for folder in (alive, dead):
        os.utime(folder.path, (0, 0))
    last = SocketFolder.make()
    assert [folder.path.exists() for folder in folders] == [True, False, True]
    for folder in (alive, last):
        folder.remove()
        assert not folder.path.exists()


def test_a_long_tmpdir_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 25)))
    folder = SocketFolder.make()
    assert len(str(folder.path)) < 100
    folder.remove()
