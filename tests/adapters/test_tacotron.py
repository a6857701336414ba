"""A Tacotron that does not end is stopped early, and a folder that holds none is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from aimass_stream.adapters.torch import Torch
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import SEED_BYTES, import_adapter
from aimass_stream.records.told import write_told
from aimass_stream.registry.folder import resolve
from tests.zoo import voices

pytest.importorskip("torchaudio")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(7)
    voices.build_with_wavernn(tmp_path)
    return tmp_path


def loaded(folder: Path, **settings: Any) -> Any:
    spec = resolve(Torch("text-to-speech", str(folder), **settings), folder)
    return import_adapter(spec.adapter)(spec, "cpu")


def test_a_text_that_does_not_end_is_refused_before_the_vocoder(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["decoder.gate_layer.bias"].fill_(-99)
    save_file(weights, folder / "model.safetensors")
    speaker = loaded(folder, max_seconds=0.1)
    speaker._voice._vocoder.sound = None
    line = speaker.decode(bytes(SEED_BYTES) + write_told({}) + b"on and on")
    (found,) = speaker.predict([line])
    assert isinstance(found, RecordError)
    assert found.reason is Reason.TOO_LARGE
    assert "limit of 0.1 s" in found.detail


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"symbols": ["a", "a"]}, "a symbol twice"),
        ({"symbols": ["a"]}, "must be of one Tacotron2"),
        ({"architecture": "wavernn"}, "describes a wavernn"),
        ({"architecture": "os.system"}, "docs/models/speaking.md"),
        ({"arguments": {"n_mel": 8}}, "must be of one Tacotron2"),
    ],
)
def test_a_folder_that_is_none_is_told(folder: Path, changed: dict[str, Any], text: str) -> None:
    file = folder / "architecture.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
    with pytest.raises(SetupError, match=text):
        loaded(folder)


def test_a_style_is_refused_since_it_can_change_nothing(folder: Path) -> None:
    with pytest.raises(SetupError, match="it can change: nothing"):
        loaded(folder, styles={"calm": {"speed": 0.8}})
