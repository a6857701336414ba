"""A memory of normal images finds defects that nobody showed it, and where they are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ConvNextImageProcessorPil, ResNetConfig, ResNetModel

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_defects import DefectFinder
from aimass_stream.config import settings
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.records import VisualAnomaly
from aimass_stream.registry.folder import resolve
from aimass_stream.training.defects import coreset, fit_memory

EDGE, SPOT = 64, 10


def weave(seed: int, spot: tuple[int, int] | None = None) -> bytes:
    """A woven pattern under noise, shifted and lit by the seed; a spot is where it is torn."""
    draw = np.random.default_rng(seed)
    across, down = np.meshgrid(np.arange(EDGE), np.arange(EDGE))
    shift = draw.uniform(0, 8)
    pattern = np.sin((across + shift) * 0.8) * np.sin((down + shift) * 0.8)
    picture = 120 + 50 * pattern + draw.normal(0, 6, pattern.shape) + draw.uniform(-8, 8)
    if spot is not None:
        column, row = spot
        torn = picture[row : row + SPOT, column : column + SPOT]
        torn[:] = torn.mean() + draw.normal(0, 6, torn.shape)
    file = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).convert("RGB").save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    torch.manual_seed(2)
    config = ResNetConfig(
        embedding_size=16, hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1], layer_type="basic"
    )
    model: Any = ResNetModel(config)  # type: ignore[no-untyped-call]  # it has no types
    model.save_pretrained(folder)
    ConvNextImageProcessorPil(image_mean=[0.5] * 3, image_std=[0.25] * 3).save_pretrained(folder)
    return folder


def normal(folder: Path, images: int) -> Path:
    folder.mkdir()
    for seed in range(images):
        (folder / f"{seed}.png").write_bytes(weave(seed))
    return folder


def look(finder: DefectFinder, payload: bytes) -> VisualAnomaly:
    (answer,) = finder.predict([finder.decode(payload)])
    assert isinstance(answer, VisualAnomaly)
    return answer


@pytest.mark.filterwarnings("ignore")
def test_defects_are_found_where_they_are(
    backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMASS_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    version = fit_memory(
        normal(tmp_path / "normal", 30),
        backbone,
        tmp_path / "models",
        "cloth",
        edge=EDGE,
        layers=(0, 1),
    )
    declared = Transformers("visual-anomaly", f"models://cloth@{version}")
    finder = DefectFinder(resolve(declared, tmp_path / "models"), "cpu")
    whole = [look(finder, weave(seed)) for seed in range(500, 515)]
    spots = [(5 + seed * 3, 50 - seed * 3) for seed in range(15)]
    torn = [look(finder, weave(600 + at, spot)) for at, spot in enumerate(spots)]
    assert max(one.score for one in whole) < min(one.score for one in torn)
    assert sum(one.is_anomaly for one in whole) <= 1
    assert all(one.is_anomaly for one in torn)
    for answer, (column, row) in zip(torn, spots, strict=True):
        assert abs(answer.peak[0] - column - SPOT / 2) <= SPOT
        assert abs(answer.peak[1] - row - SPOT / 2) <= SPOT
    settings.cache_clear()


def test_a_coreset_leaves_no_group_out() -> None:
    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(6, 200, generator=draw) * 10
    sizes = [500, 20, 20, 5, 5, 1]
    groups = torch.repeat_interleave(torch.arange(6), torch.tensor(sizes))
    vectors = centres[groups] + torch.randn(len(groups), 200, generator=draw) * 0.1
    chosen = coreset(vectors, 6, 0)
    assert sorted(groups[chosen].tolist()) == [0, 1, 2, 3, 4, 5]
    assert coreset(vectors, 6, 0).tolist() == chosen.tolist()


def test_what_cannot_be_learnt_from_is_refused(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"There is no folder {tmp_path / 'none'}"):
        fit_memory(tmp_path / "none", backbone, tmp_path, "cloth")
    few = normal(tmp_path / "few", 4)
    with pytest.raises(ConfigError, match="at least 5"):
        fit_memory(few, backbone, tmp_path, "cloth")
    (few / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(ConfigError, match="cannot be learnt from"):
        fit_memory(few, backbone, tmp_path, "cloth", edge=EDGE)


@pytest.mark.filterwarnings("ignore")
def test_a_network_without_a_memory_says_how_to_fit_one(backbone: Path, tmp_path: Path) -> None:
    spec = resolve(Transformers("visual-anomaly", str(backbone)), tmp_path)
    with pytest.raises(SetupError, match=r"python -m aimass_stream\.training\.defects"):
        DefectFinder(spec, "cpu")
