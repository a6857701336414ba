"""One zoo for the run, whose answers are stored in a folder of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from aimass_stream.config import settings
from tests.zoo.case import Zoo


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    """Built and loaded models."""
    home: Path = tmp_path_factory.mktemp("zoo")
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIMASS_STATE", str(home / "state"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        settings.cache_clear()
        (home / "models").mkdir()
        yield Zoo(home / "models")
    settings.cache_clear()
    assert "AIMASS_STATE" not in os.environ or os.environ["AIMASS_STATE"] != str(home / "state")
