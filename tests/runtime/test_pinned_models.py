"""A replay's model is the version that was asked for, or there is no replay."""

from pathlib import Path
from typing import Any

import pytest

from aimass_stream.adapters.inline import Inline
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.config import Settings
from aimass_stream.ensembles.ensemble import Ensemble
from aimass_stream.errors import ConfigError
from aimass_stream.registry.folder import publish, resolve
from aimass_stream.runtime.pinned_models import PinnedModels

ECHO: Inline[bytes] = Inline("echo", lambda chunk: [b""] * len(chunk), "2", answer=bytes)


def pinned(folder: Path, wanted: str) -> PinnedModels:
    return PinnedModels(Settings(models=folder), lambda error: None, wanted)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A registry with two versions of one model; what is in them does not matter here."""
    source, models = tmp_path / "source", tmp_path / "models"
    source.mkdir()
    (source / "config.json").write_text("{}")
    for _ in range(2):
        publish(models, "digits", source, task="image-classification")
    return models


@pytest.mark.parametrize("location", ["models://digits", "models://digits@2"])
def test_a_registered_model_is_taken_in_the_version_asked_for(
    registry: Path, location: str
) -> None:
    models = pinned(registry, "digits@1")
    declared: Any = Transformers("image-classification", location, top=5)
    spec = models._resolve(declared)
    assert spec.version.startswith("1-")
    assert spec.folder == str(registry / "digits" / "1")
    assert models.pinned is spec
    assert pinned(registry, spec.id)._resolve(declared) == spec
    with pytest.raises(ConfigError, match="The app declares digits@1-"):
        pinned(registry, "digits@1-other")._resolve(declared)
    with pytest.raises(ConfigError, match="has no version '7'"):
        pinned(registry, "digits@7")._resolve(declared)


def test_any_other_model_has_the_version_it_is_declared_in(tmp_path: Path) -> None:
    models = pinned(tmp_path, "echo@2")
    models._resolve(ECHO)
    assert models.pinned is not None
    with pytest.raises(ConfigError, match="The app declares echo@2"):
        pinned(tmp_path, "echo@3")._resolve(ECHO)


def test_an_ensemble_has_the_version_it_is_declared_in(registry: Path) -> None:
    members = [Transformers("image-classification", f"models://digits@{one}") for one in "12"]
    # Its combiner has the name that is asked for, and is no model to be replayed with.
    declared = Ensemble("vote", members, by="stacking", combiner="models://digits")
    spec = resolve(declared, registry)
    assert pinned(registry, "digits@1")._resolve(declared) == spec
    assert pinned(registry, spec.id)._resolve(declared) == spec
    with pytest.raises(ConfigError, match=f"The app declares {spec.id}"):
        pinned(registry, "vote@other")._resolve(declared)


def test_a_version_is_looked_for_among_what_is_declared(registry: Path) -> None:
    missing = Transformers("image-classification", "models://missing")
    declared: list[Any] = [missing, ECHO, Transformers("image-classification", "models://digits")]
    pinned(registry, "echo@2").look_for(declared)
    pinned(registry, "digits@1").look_for(declared)
    for wanted, why in (
        ("echo@3", "declares echo@2, so echo@3 cannot be had"),
        ("digits@7", "has no version '7'"),
        ("other@1", "no model of the name other"),
    ):
        with pytest.raises(ConfigError, match=why):
            pinned(registry, wanted).look_for(declared)


def test_a_model_of_another_name_is_as_declared(tmp_path: Path) -> None:
    models = pinned(tmp_path, "digits@1")
    assert models._resolve(ECHO).id == "echo@2"
    assert models.pinned is None
    with pytest.raises(ConfigError, match="write NAME@VERSION"):
        pinned(tmp_path, "digits")
