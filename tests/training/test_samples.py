"""Sample files are what `aimass produce` takes."""

from pathlib import Path

import pytest

from aimass_stream.records import Image, Limits, read_behaviour
from aimass_stream.training.samples import main, write_samples


def test_samples_are_accepted_as_records(tmp_path: Path) -> None:
    write_samples(tmp_path / "s", images=20, events=30)
    pictures = sorted((tmp_path / "s" / "images").glob("*/*"))
    assert len(pictures) == 20
    for path in pictures:
        Image("images", 0, 0, 0, None, path.read_bytes(), ()).check(Limits())
        assert path.parent.name in "0123456789"
    lines = (tmp_path / "s" / "behaviour.jsonl").read_bytes().splitlines()
    assert len([read_behaviour(line, 0) for line in lines]) == 30


def test_wrong_arguments_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 1
