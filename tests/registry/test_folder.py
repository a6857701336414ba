"""The registry: versions appear whole, files are what they were, and nothing runs code."""

import io
import json
import os
import pickle
import shutil
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import joblib  # type: ignore[import-untyped]
import numpy as np
import orjson
import pytest
import torch
from safetensors.numpy import save_file

from aimass_stream.adapters.transformers import Transformers
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.model import Model
from aimass_stream.records import Prediction
from aimass_stream.registry.adding import add_folder
from aimass_stream.registry.card import Provenance
from aimass_stream.registry.folder import find, publish, resolve


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    save_file({"weight": np.arange(4, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "resnet"}')
    (folder / "preprocessor_config.json").write_text('{"do_resize": false}')
    (folder / "vocab.txt").write_text("a\nb\n")
    (folder / "sub" / "more.json").write_text("[1]")
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return tmp_path / "models"


def classifier(location: str, **options: Any) -> Transformers[Prediction]:
    return Transformers("image-classification", location, **options)


def put(registry: Path, source: Path, name: str = "digits") -> str:
    return publish(registry, name, source, task="image-classification", labels=["a", "b"])


def test_what_lacks_its_preparation_is_not_published(registry: Path, source: Path) -> None:
    (source / "preprocessor_config.json").unlink()
    with pytest.raises(SetupError, match="no image processor, which image-classification needs"):
        put(registry, source)
    with pytest.raises(SetupError, match="no image processor, which image-classification needs"):
        add_folder(registry, "digits", source, task="image-classification", told=Provenance())
    assert find(registry, "digits") is None


def test_published_model_is_resolved_by_name(registry: Path, source: Path) -> None:
    assert put(registry, source) == "1"
    spec = resolve(classifier("models://digits", timeout_s=3.0), registry)
    assert (spec.id, spec.timeout_s) == ("digits@1", 3.0)
    assert spec.folder == str(registry / "digits" / "1")
    assert spec.adapter == "aimass_stream.adapters.transformers_images:ImageClassifier"
    assert spec.options["top"] == 3
    assert (Path(spec.folder) / "sub" / "more.json").read_text() == "[1]"


def test_manifest_says_what_was_published(registry: Path, source: Path) -> None:
    put(registry, source)
    manifest = find(registry, "digits")
    assert manifest is not None
    assert (manifest.name, manifest.version, manifest.labels) == ("digits", "1", ["a", "b"])
    described = {"config.json", "preprocessor_config.json", "vocab.txt", "sub/more.json"}
    assert set(manifest.files) == {"model.safetensors", *described}
    assert manifest.files["vocab.txt"].size == 4
    assert "torch" in manifest.libraries
    assert find(registry, "other") is None


def test_a_model_is_declared_for_what_it_was_registered_for(registry: Path, source: Path) -> None:
    put(registry, source)
    with pytest.raises(ConfigError) as refusal:
        resolve(Transformers("token-classification", "models://digits"), registry)
    assert str(refusal.value) == (
        "digits@1 is declared for token-classification, and registered for image-classification. "
        "Declare it for image-classification; or, if it is a model for token-classification, "
        f"register it as that: aimass models add {registry / 'digits' / '1'} --name digits "
        "--task token-classification"
    )
    # A network without its head, and a task that none of ours is called by.
    assert resolve(Transformers("image-embedding", "models://digits"), registry).id == "digits@1"
    publish(registry, "own", source, task="whatever")
    assert resolve(classifier("models://own"), registry).id == "own@1"


def test_latest_version_is_taken_unless_one_is_named(registry: Path, source: Path) -> None:
    for expected in range(1, 12):
        assert put(registry, source) == str(expected)
    assert resolve(classifier("models://digits"), registry).version == "11"
    assert resolve(classifier("models://digits@2"), registry).version == "2"


def test_publishing_at_once_gives_each_its_own_version(registry: Path, source: Path) -> None:
    found: list[str] = []
    gate = threading.Barrier(6)

    def run() -> None:
        gate.wait()
        found.append(put(registry, source))

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["1", "2", "3", "4", "5", "6"]
    assert sorted(path.name for path in (registry / "digits").iterdir()) == sorted(found)
    for version in found:
        assert resolve(classifier(f"models://digits@{version}"), registry).version == version


def test_publishing_that_fails_leaves_nothing(
    registry: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="space"):
        put(registry, source)
    assert list((registry / "digits").iterdir()) == []
    assert find(registry, "digits") is None


def test_settings_that_are_not_the_default_are_part_of_the_version(
    registry: Path, source: Path
) -> None:
    put(registry, source)
    versions = [
        resolve(classifier("models://digits", **options), registry).version
        for options in ({}, {"latency_ms": 9.0}, {"top": 3}, {"top": 5}, {"scaled_decode": True})
    ]
    assert versions[:3] == ["1", "1", "1"]
    assert len(set(versions)) == 3
    assert all(version.startswith("1-") for version in versions[3:])


def test_plain_folder_has_its_content_for_a_version(registry: Path, source: Path) -> None:
    first = resolve(classifier(str(source)), registry)
    assert first.name == "source"
    assert first == resolve(classifier(str(source)), registry)
    (source / "vocab.txt").write_text("a\nc\n")
    second = resolve(classifier(str(source)), registry)
    assert (second.name, len(second.version)) == ("source", 12)
    assert second.version != first.version


@dataclass(frozen=True, slots=True)
class Declared(Model[Any]):
    adapter: ClassVar[str] = "somewhere:Adapter"
    location: str = field(default="")
    name: str = ""
    version: str = ""


def test_model_without_weights_is_resolved_from_its_declaration(registry: Path) -> None:
    spec = resolve(Declared(name="rule", version="3"), registry)
    assert (spec.id, spec.folder) == ("rule@3", "")
    with pytest.raises(ConfigError, match="version"):
        resolve(Declared(name="rule"), registry)
    with pytest.raises(ConfigError, match="name"):
        resolve(Declared(version="3"), registry)


def test_unknown_model_is_answered_with_what_there_is(registry: Path, source: Path) -> None:
    with pytest.raises(ConfigError, match=r"empty.*aimass_stream.training demo"):
        resolve(classifier("models://digits"), registry)
    put(registry, source, "cats")
    with pytest.raises(ConfigError, match="There are: cats"):
        resolve(classifier("models://digits"), registry)
    with pytest.raises(ConfigError, match="It has: 1"):
        resolve(classifier("models://cats@7"), registry)
    with pytest.raises(ConfigError, match="no version"):
        resolve(classifier("models://cats@"), registry)
    with pytest.raises(ConfigError, match="does not exist"):
        resolve(classifier("/nowhere/at/all"), registry)


@pytest.mark.parametrize(
    "name", ["../digits", "/etc", "", "Digits", "a b", "a/b", ".hidden", "a\n"]
)
def test_name_that_is_no_name_is_refused(registry: Path, source: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        put(registry, source, name)
    with pytest.raises(ConfigError, match="name"):
        resolve(classifier(f"models://{name}"), registry)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def exchange(folder: Path) -> None:
    other = put(folder.parents[1], folder.parents[2] / "source", "other")
    shutil.rmtree(folder)
    shutil.copytree(folder.parents[1] / "other" / other, folder)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: flip(folder / "model.safetensors"), id="one bit"),
        pytest.param(lambda folder: os.truncate(folder / "model.safetensors", 80), id="truncated"),
        pytest.param(lambda folder: (folder / "vocab.txt").unlink(), id="a file is gone"),
        pytest.param(lambda folder: (folder / "new.json").write_text("{}"), id="a file is new"),
        pytest.param(lambda folder: (folder / "manifest.json").write_text("{}"), id="manifest"),
        pytest.param(lambda folder: (folder / "manifest.json").write_text("{"), id="no JSON"),
        pytest.param(exchange, id="another version in its place"),
    ],
)
def test_damaged_model_is_refused_and_the_newest_whole_one_is_used_loudly(
    registry: Path,
    source: Path,
    damage: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(3):
        put(registry, source)
    damage(registry / "digits" / "3")
    flip(registry / "digits" / "2" / "model.safetensors")
    with pytest.raises(SetupError, match="digits"):
        resolve(classifier("models://digits@3"), registry)
    assert resolve(classifier("models://digits"), registry).id == "digits@1"
    assert "digits@1 is used instead of digits@3, which is damaged" in caplog.text
    assert "model.safetensors" in caplog.text
    damage(registry / "digits" / "1")
    with pytest.raises(SetupError, match="digits/3"):
        resolve(classifier("models://digits"), registry)


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.mark,)


def zipped(payload: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", payload)
    return file.getvalue()


def torch_file(trap: Trap) -> bytes:
    file = io.BytesIO()
    torch.save(trap, file)
    return file.getvalue()


def joblib_file(trap: Trap) -> bytes:
    file = io.BytesIO()
    joblib.dump(trap, file)
    return file.getvalue()


def numpy_file(trap: Trap) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([trap], dtype=object), allow_pickle=True)
    return file.getvalue()


DISGUISES: dict[str, Callable[[Trap], bytes]] = {
    "pytorch_model.bin": torch_file,
    "model.pt": torch_file,
    "model.pkl": pickle.dumps,
    "model.joblib": joblib_file,
    "array.npy": numpy_file,
    "model.PTH": torch_file,
    "other.safetensors": pickle.dumps,
    "model-2.safetensors": torch_file,
    "tokenizer.json": pickle.dumps,
    "notes.txt": pickle.dumps,
    "README.md": numpy_file,
    "deep/down/LICENSE": pickle.dumps,
    "weights": pickle.dumps,
    "model.zip": lambda trap: zipped(pickle.dumps(trap)),
    "modeling.py": lambda trap: f"import os; os.mkdir({trap.mark!r})".encode(),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_pickle_in_any_disguise_is_refused_and_never_run(
    registry: Path, source: Path, tmp_path: Path, name: str
) -> None:
    mark = tmp_path / "executed"
    put(registry, source)
    for folder in (source, registry / "digits" / "1"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(DISGUISES[name](Trap(mark)))
    for attempt in (
        lambda: resolve(classifier(str(source)), registry),
        lambda: resolve(classifier("models://digits"), registry),
        lambda: put(registry, source),
    ):
        with pytest.raises(SetupError) as caught:
            attempt()
        assert Path(name).name in str(caught.value)
    assert not mark.exists()


def test_refusal_says_what_to_do(registry: Path, source: Path) -> None:
    (source / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(SetupError, match=r"can run code.*save_pretrained.*delete"):
        put(registry, source)


def test_what_is_no_file_is_refused(registry: Path, source: Path, tmp_path: Path) -> None:
    (source / "linked").symlink_to(tmp_path)
    with pytest.raises(SetupError, match="no file"):
        put(registry, source)
    (source / "linked").unlink()
    os.mkfifo(source / "pipe")
    with pytest.raises(SetupError, match="no file"):
        resolve(classifier(str(source)), registry)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SetupError, match="no files"):
        resolve(classifier(str(empty)), registry)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x10\0\0\0\0\0\0\0{}", id="header longer than the file"),
        pytest.param(b"\xff" * 100, id="huge header"),
        pytest.param(b"\x04\0\0\0\0\0\0\0null", id="header is no object"),
    ],
)
def test_safetensors_must_begin_with_its_header(
    registry: Path, source: Path, content: bytes
) -> None:
    (source / "model.safetensors").write_bytes(content)
    with pytest.raises(SetupError, match="not what its name says"):
        put(registry, source)


def test_manifest_is_readable_by_people(registry: Path, source: Path) -> None:
    put(registry, source)
    text = (registry / "digits" / "1" / "manifest.json").read_text()
    assert json.loads(text) == orjson.loads(text)
    assert text.count("\n") > 20
