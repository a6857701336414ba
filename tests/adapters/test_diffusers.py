"""Pipelines of diffusers: what is refused when they load, and what a record may ask for."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pictures

from aimass_stream import Diffusers, Drawing, Limits
from aimass_stream.config import settings
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.model import import_adapter
from aimass_stream.records.told import write_told
from aimass_stream.registry.folder import resolve

pytest.importorskip("diffusers")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(300)]

SEED = bytes(8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline of each kind."""
    from tests.zoo import drawing

    home = tmp_path_factory.mktemp("pipelines")
    torch.manual_seed(7)
    drawing.build_stable_diffusion(home / "draws")
    drawing.build_inpainting(home / "fills")
    return home


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Answers are stored in a folder of the test's own."""
    monkeypatch.setenv("AIMASS_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    yield
    settings.cache_clear()


def load(declared: Diffusers[Drawing], home: Path) -> Any:
    spec = resolve(declared, home)
    return import_adapter(spec.adapter)(spec, "cpu")


def changed(folders: Path, home: Path, **index: Any) -> str:
    """A copy of the pipeline whose index says something else."""
    shutil.copytree(folders / "draws", home / "changed")
    path = home / "changed" / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **index}))
    return str(home / "changed")


@pytest.mark.parametrize(
    "part",
    [["os", "system"], ["diffusers", "DiffusionPipeline"], ["transformers", "pipeline"]],
)
def test_an_index_that_names_anything_but_a_part_is_refused(
    folders: Path, tmp_path: Path, part: list[str]
) -> None:
    folder = changed(folders, tmp_path, unet=part)
    with pytest.raises(SetupError, match=f"names {part[0]}.{part[1]}, which is no network"):
        load(Diffusers("text-to-image", folder), tmp_path)


def test_a_pipeline_of_another_kind_is_refused(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is a StableDiffusionPipeline; this task takes"):
        load(Diffusers("inpainting", str(folders / "draws")), tmp_path)
    folder = changed(folders, tmp_path, _class_name="Evil")
    with pytest.raises(SetupError, match="is a Evil; this task takes"):
        load(Diffusers("text-to-image", folder), tmp_path)


def test_weights_that_are_missing_are_not_made_up(folders: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(changed(folders, tmp_path))
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    held = load_file(file)
    del held["conv_in.weight"]
    save_file(held, file)
    with pytest.raises(SetupError, match=r"no trained weights for conv_in.weight"):
        load(Diffusers("text-to-image", str(folder)), tmp_path)


def test_sizes_and_steps_have_bounds(folders: Path, tmp_path: Path) -> None:
    for wrong in ({"steps": 0}, {"steps": 151}, {"width": 12}, {"height": 4096}):
        with pytest.raises(ConfigError, match="is n"):
            Diffusers("text-to-image", "x", **wrong)  # type: ignore[call-overload]
    small = Limits(image_pixels=500)
    declared = Diffusers("text-to-image", str(folders / "draws"), width=32, limits=small)
    with pytest.raises(SetupError, match="32 x 16 pixels are more than"):
        load(declared, tmp_path)


def test_a_prompt_that_would_be_cut_costs_its_record(folders: Path, tmp_path: Path) -> None:
    drawer = load(Diffusers("text-to-image", str(folders / "draws"), steps=2), tmp_path)
    with pytest.raises(RecordError) as caught:
        drawer.decode(SEED + b"cat dog " * 20)
    assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(RecordError) as caught:
        drawer.decode(SEED + b"  ")
    assert caught.value.reason is Reason.EMPTY


def test_a_seed_makes_the_image_and_a_checker_blackens_it(folders: Path, tmp_path: Path) -> None:
    drawer = load(Diffusers("text-to-image", str(folders / "draws"), steps=2), tmp_path)
    drawn = [
        drawer.predict([drawer.decode(bytes([place] * 8) + b"a red lamp")])[0]
        for place in (*range(1, 9), 1)
    ]
    assert drawn[0] == drawn[-1]
    assert {one.safety for one in drawn} == {"safe", "unsafe"}
    for one in drawn:
        image = np.asarray(Pictures.open(io.BytesIO(stored(one))))
        assert (image.max() == 0) == (one.safety == "unsafe")
    safe = {one.image.sha256 for one in drawn[:8] if one.safety == "safe"}
    assert len(safe) == sum(one.safety == "safe" for one in drawn[:8])


def test_only_the_hole_is_filled(folders: Path, tmp_path: Path) -> None:
    filler = load(Diffusers("inpainting", str(folders / "fills"), steps=2), tmp_path)
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (45, 61, 4), np.uint8)
    pixels[..., 3] = np.where(np.arange(61) < 20, 0, 255)
    file = io.BytesIO()
    Pictures.fromarray(pixels).save(file, "PNG")
    payload = SEED + write_told({"text": "a lamp"}) + file.getvalue()
    (found,) = filler.predict([filler.decode(payload)])
    made = np.asarray(Pictures.open(io.BytesIO(stored(found))))
    assert (found.width, found.height) == (61, 45)
    np.testing.assert_array_equal(made[:, 20:], pixels[:, 20:, :3])
    assert (made[:, :20] != pixels[:, :20, :3]).mean() > 0.9


def stored(drawn: Drawing) -> bytes:
    return Path(drawn.image.uri.removeprefix("file://")).read_bytes()
