"""A model is written for an engine once, and what was kept is used only where it is whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification

from aimass_stream.adapters.engines import export
from aimass_stream.adapters.engines.kept import kept_or_written, key_of
from aimass_stream.adapters.engines.onnx_model import OnnxModel
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.adapters.transformers_entities import EntityFinder
from aimass_stream.adapters.transformers_text import TextClassifier
from aimass_stream.errors import SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.registry.folder import resolve
from tests.adapters.text_models import TEXTS, build, spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("classifier", tmp_path_factory.mktemp("models") / "classifier")


def resolved(folder: Path, engine: str = "onnx") -> ModelSpec:
    return resolve(Transformers("text-classification", str(folder), engine=engine), folder)


def kept(engines_folder: Path) -> dict[str, int]:
    """What lies there, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in engines_folder.iterdir()}


def test_a_model_is_written_once(folder: Path, engines_folder: Path) -> None:
    first = TextClassifier(resolved(folder), "cpu")
    written = kept(engines_folder)
    assert len(written) == 1
    again = TextClassifier(resolved(folder), "cpu")
    assert kept(engines_folder) == written
    inputs = [first.decode(text.encode()) for text in TEXTS]
    assert first.predict(inputs) == again.predict(inputs)
    TextClassifier(resolved(folder, "onnx-int8"), "cpu")
    assert len(kept(engines_folder)) == 2


def test_a_damaged_file_is_written_again(
    folder: Path, engines_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    TextClassifier(resolved(folder), "cpu")
    (file,) = engines_folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:1000] + b"\0" + whole[1001:])
    TextClassifier(resolved(folder), "cpu")
    assert [path.read_bytes() for path in engines_folder.iterdir()] == [whole]
    assert f"{file} is damaged; it is written again" in caplog.text


def test_a_file_of_another_model_is_refused(
    folder: Path, engines_folder: Path, tmp_path: Path
) -> None:
    """Its checksum is right, and its answers are not."""
    other = build("tagger", tmp_path / "tagger")
    tagger = resolve(Transformers("token-classification", str(other), engine="onnx"), folder)
    mine = resolved(folder)
    EntityFinder(tagger, "cpu")
    (file,) = engines_folder.iterdir()
    file.rename(file.with_name(file.name.replace(key_of(tagger), key_of(mine))))
    with pytest.raises(SetupError, match="probes up to inf away from torch"):
        TextClassifier(mine, "cpu")


def test_what_is_no_such_model_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with pytest.raises(SetupError, match="ONNX Runtime refuses what was written of the model in"):
        OnnxModel(tmp_path / "no.onnx", folder, ["input_ids"], "logits", None)
    model = TextClassifier(spec(folder), "cpu")
    example = model._arguments(model._probes()[:2])
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    recorded = export.Recorded(plain, folder, example, {0: "rows", 1: "tokens"}, "logits")
    export.write_onnx(recorded, "onnx", tmp_path / "model.onnx")
    with pytest.raises(SetupError, match="gives logits, instead of input_ids and hidden"):
        OnnxModel(tmp_path / "model.onnx", folder, ["input_ids"], "hidden", None)


def test_half_a_file_is_never_seen(folder: Path, engines_folder: Path) -> None:
    def fail(file: Path) -> None:
        file.write_bytes(b"half")
        raise SetupError("no more room")

    with pytest.raises(SetupError, match="no more room"), kept_or_written(resolved(folder), fail):
        pass
    assert kept(engines_folder) == {}


def test_a_model_of_unknown_files_is_not_kept(folder: Path, engines_folder: Path) -> None:
    TextClassifier(spec(folder, engine="onnx"), "cpu")
    assert not engines_folder.exists()


def test_other_weights_settings_and_writers_have_other_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = resolved(folder)
    found = {
        key_of(one),
        key_of(resolved(folder, "onnx-int8")),
        key_of(ModelSpec(one.name, one.version, one.adapter, "", one.options, digest="other")),
    }
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0")
    found.add(key_of(one))
    assert len(found) == 4


def test_weights_beyond_a_file_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MAX_BYTES", 1000)
    with pytest.raises(SetupError, match=r"holds less than 2\. Declare it with engine='torch'"):
        TextClassifier(resolved(folder), "cpu")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_missing_extra_is_one_line(
    folder: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SetupError) as refused:
        TextClassifier(resolved(folder), "cpu")
    assert str(refused.value) == (
        f"{missing} is missing. The extra 'onnx' of aimass-stream is not installed: in its "
        "checkout, pip install --constraint constraints.txt '.[onnx]'"
    )
