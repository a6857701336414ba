"""SentencePiece vocabularies are let in by what they are, and nothing else under their names."""

import pickle
from pathlib import Path

import pytest

from aimass_stream.errors import SetupError
from aimass_stream.registry.files import scan

PIECE = b"\x0a\x07\x0a\x05<unk>"
TRAINER = b"\x12\x02\x18\x01"


@pytest.mark.parametrize("name", ["spm_char.model", "source.spm"])
def test_a_vocabulary_is_accepted(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(PIECE * 3 + TRAINER)
    assert list(scan(tmp_path)) == [name]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(pickle.dumps({"a": 1}), id="pickle"),
        pytest.param(b"PK\x03\x04" + PIECE, id="archive"),
        pytest.param(PIECE[:-1], id="cut off"),
        pytest.param(PIECE + b"\x80\x04.", id="something behind it"),
        pytest.param(TRAINER, id="no piece"),
        pytest.param(b"\x0a" + b"\xff" * 9, id="a length without end"),
        pytest.param(b"\x0a", id="no length"),
    ],
)
def test_anything_else_under_its_name_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(SetupError, match="not what its name says"):
        scan(tmp_path)
