"""Verification: every file is read again, and what differs is named."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from aimass_stream.errors import ConfigError
from aimass_stream.registry.files import entry_of
from aimass_stream.registry.folder import publish
from aimass_stream.registry.manifest import names_in
from aimass_stream.registry.verification import verify_version, versions_there
from tests.registry.model_folders import prepare, write_model


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    source = prepare(write_model(tmp_path / "source", "ResNetForImageClassification"))
    (source / "sub").mkdir()
    (source / "sub" / "notes.txt").write_text("notes")
    publish(tmp_path / "models", "pets", source, task="image-classification")
    return tmp_path / "models"


def differences(registry: Path) -> dict[str, str]:
    return {each.file: each.text for each in verify_version(registry, "pets", "1")}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_what_was_published_is_whole(registry: Path) -> None:
    assert differences(registry) == {}


@pytest.mark.parametrize(
    ("damage", "file", "text"),
    [
        (lambda at: flip(at / "model.safetensors"), "model.safetensors", "has SHA-256 "),
        (lambda at: os.truncate(at / "sub/notes.txt", 2), "sub/notes.txt", "has 2 bytes, not 5"),
        (lambda at: (at / "config.json").unlink(), "config.json", "is missing"),
        (lambda at: (at / "new.pkl").write_bytes(b"x"), "new.pkl", "was not there when"),
        (lambda at: (at / "manifest.json").write_text("{"), "manifest.json", "cannot be read"),
        (lambda at: (at / "manifest.json").unlink(), "manifest.json", "is missing"),
    ],
)
def test_damage_is_named_with_its_file(
    registry: Path, damage: Callable[[Path], object], file: str, text: str
) -> None:
    damage(registry / "pets" / "1")
    found = differences(registry)
    assert list(found) == [file]
    assert text in found[file]


def test_what_is_no_file_is_told(registry: Path) -> None:
    (registry / "pets" / "1" / "link").symlink_to(registry)
    (found,) = verify_version(registry, "pets", "1")
    assert "link is no file" in found.text


def test_a_version_that_lost_its_manifest_is_verified_too(registry: Path) -> None:
    for number in ("2", "10"):
        shutil.copytree(registry / "pets" / "1", registry / "pets" / number)
    (registry / "pets" / "2" / "manifest.json").unlink()
    every = [("pets", "1"), ("pets", "2"), ("pets", "10")]
    assert versions_there(registry, None) == versions_there(registry, "pets") == every
    assert versions_there(registry, "pets@10") == every[2:]
    with pytest.raises(ConfigError, match="no version '2'"):
        versions_there(registry, "pets@2")
    assert versions_there(registry / "nowhere", None) == []


def test_a_folder_of_another_version_is_told(registry: Path) -> None:
    (registry / "pets" / "1").rename(registry / "pets" / "2")
    assert [each.text for each in verify_version(registry, "pets", "2")] == ["is that of pets@1"]


def test_a_file_that_would_not_be_loaded_is_told_although_its_checksum_is_right(
    registry: Path,
) -> None:
    folder = registry / "pets" / "1"
    (folder / "more.pkl").write_bytes(b"x")
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    entry = entry_of(folder / "more.pkl")
    manifest["files"]["more.pkl"] = {"sha256": entry.sha256, "size": entry.size}
    (folder / "manifest.json").write_bytes(orjson.dumps(manifest))
    assert "can run code" in differences(registry)["more.pkl"]


def test_only_what_was_published_is_listed(registry: Path) -> None:
    (registry / "pets" / ".draft-x").mkdir()
    (registry / "empty").mkdir()
    (registry / "stray.txt").write_text("x")
    assert names_in(registry) == ["pets"]
    assert names_in(registry / "nowhere") == []
