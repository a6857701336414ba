"""`name` and `name@version`: which versions of the registry a reference means."""

from __future__ import annotations

from pathlib import Path

from aimass_stream.errors import ConfigError
from aimass_stream.registry.manifest import check_name, names_in, versions_of

SCHEME = "models://"
"""What the location of a registered model begins with."""


def versions_meant(reference: str, models_folder: Path) -> tuple[str, list[str]]:
    """The model and the versions that a reference means, the newest first.

    Args:
        reference: `name` for all versions, `name@version` for one; with or without `models://`.
        models_folder: the registry.

    Raises:
        ConfigError: there is no such model or version.
    """
    name, given, version = reference.removeprefix(SCHEME).partition("@")
    versions = [str(number) for number in reversed(versions_of(models_folder / check_name(name)))]
    if not versions:
        raise ConfigError(_unknown_model(name, models_folder))
    if given and version not in versions:
        raise ConfigError(
            f"Model {name} has no version {version!r} in {models_folder}. "
            f"It has: {', '.join(reversed(versions))}."
        )
    return name, [version] if given else versions


def _unknown_model(name: str, models_folder: Path) -> str:
    known = names_in(models_folder)
    there = f"There are: {', '.join(known)}." if known else "The registry is empty."
    return (
        f"Model {name} is not in the registry {models_folder}. {there} "
        "`aimass models add FOLDER --name NAME` puts one there; "
        f"`python -m aimass_stream.training demo {models_folder}` trains the demo's. "
        "Another registry folder is chosen with AIMASS_MODELS."
    )
