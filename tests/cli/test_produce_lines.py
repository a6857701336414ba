"""Lines of files as items: found once, named by place and content, read again when sent."""

from pathlib import Path

import pytest

from aimass_stream.cli.producing import lines
from aimass_stream.cli.producing.errand import Errand
from aimass_stream.cli.producing.items import UnsendableError
from aimass_stream.cli.producing.lines import find_lines, key_of
from aimass_stream.errors import ConfigError


def write(folder: Path, content: bytes) -> Path:
    path = folder / "a b.txt"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", []),
        (b"one", [(1, b"one")]),
        (b"one\ntwo\n", [(1, b"one"), (2, b"two")]),
        (b"one\r\n\r\n \t\ntwo\r\n", [(1, b"one"), (4, b"two")]),
        (b"\xef\xbb\xbfone\ntwo", [(1, b"one"), (2, b"two")]),
        (b"\xef\xbb\xbf\none", [(2, b"one")]),
        (b"\xff\xfe caf\xe9\n", [(1, b"\xff\xfe caf\xe9")]),
        (b"one\rmore\n", [(1, b"one\rmore")]),
    ],
)
def test_lines_are_numbered_as_editors_do(
    tmp_path: Path, content: bytes, found: list[tuple[int, bytes]]
) -> None:
    every = find_lines(write(tmp_path, content))
    assert [(line.number, line.read()) for line in every] == found


def test_a_file_that_grows_gives_new_ids_to_new_lines_only(tmp_path: Path) -> None:
    path = write(tmp_path, b"one\ntwo\n")
    before = [line.id for line in find_lines(path)]
    path.write_bytes(b"one\ntwo\nthree\n")
    after = [line.id for line in find_lines(path)]
    assert after[:2] == before
    assert len(set(after)) == 3
    assert not any(" " in found for found in after)
    path.write_bytes(b"one\nTWO\nthree\n")
    changed = [line.id for line in find_lines(path)]
    assert [one == other for one, other in zip(after, changed, strict=True)] == [True, False, True]


def test_a_line_that_changed_meanwhile_is_not_sent(tmp_path: Path) -> None:
    path = write(tmp_path, b"one\ntwo\n")
    first, second = find_lines(path)
    path.write_bytes(b"one\n")
    assert first.read() == b"one"
    with pytest.raises(UnsendableError, match="changed"):
        second.read()
    path.unlink()
    with pytest.raises(UnsendableError, match="cannot be read"):
        first.read()


def test_too_long_a_line_is_passed_over_without_holding_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LINE_BYTES", 10)
    path = write(tmp_path, b"short\n" + b"x" * 95 + b"\r\n" + b"y" * 10 + b"\r\nlast")
    _, long, fits, last = find_lines(path)
    assert (long.number, long.size) == (2, 95)
    with pytest.raises(UnsendableError, match="too long"):
        long.read()
    assert (fits.read(), last.read()) == (b"y" * 10, b"last")
    assert last.name == "a b.txt:4"


def test_json_lines_are_objects(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"id": 7, "to": "x", "at": [1]}\n[1]\n{"cut\n')
    good, other, cut = find_lines(path)
    fields = good.read_object()
    assert [key_of(fields, name) for name in ("id", "to", "at")] == [b"7", b"x", b"[1]"]
    with pytest.raises(UnsendableError, match="no field 'user'"):
        key_of(fields, "user")
    with pytest.raises(UnsendableError, match="no JSON object"):
        other.read_object()
    with pytest.raises(UnsendableError, match="no valid JSON"):
        cut.read_object()


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        find_lines(tmp_path / "none.txt")


def test_a_run_belongs_to_all_its_files() -> None:
    one, two = Path("/a.txt"), Path("/b.txt")
    alone = Errand(noun="line", folder=one, topic="text")
    both = Errand(noun="line", folder=one, topic="text", more=(two,))
    assert alone.origin == str(one)
    assert both.origin != alone.origin
