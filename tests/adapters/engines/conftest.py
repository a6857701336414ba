"""Engines' files in a folder of each test's own, and torch on one core."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from aimass_stream.config import settings


@pytest.fixture(autouse=True)
def engines_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    torch.set_num_threads(1)
    monkeypatch.setenv("AIMASS_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    yield settings().engines_folder
    settings.cache_clear()
