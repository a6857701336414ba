"""A folder of model files from elsewhere, checked and put into the registry."""

from __future__ import annotations

from pathlib import Path

from aimass_stream.errors import ConfigError
from aimass_stream.registry.card import Card, Provenance
from aimass_stream.registry.description import check_loadable
from aimass_stream.registry.files import MANIFEST, check_kinds
from aimass_stream.registry.folder import publish
from aimass_stream.registry.manifest import Manifest, read_manifest


def add_folder(
    models_folder: Path, name: str, folder: Path, *, task: str, told: Provenance
) -> Manifest:
    """Publish a folder as the next version of a name.

    Task and labels are read from its configuration. A version of another registry brings what
    its manifest says; what is told goes before that.

    Args:
        models_folder: the registry.
        name: of the model.
        folder: as `save_pretrained` writes it, or with an `architecture.json`.
        task: what it is to do; empty to tell from its architecture.
        told: where it comes from.

    Returns:
        The manifest of the new version.

    Raises:
        ConfigError: there is no such folder, the name cannot be one, or the task is not known or
            cannot be told.
        SetupError: the folder holds what is not accepted, or lacks what is needed.
    """
    if folder.is_dir():
        check_kinds(folder)
    before = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    task, labels = check_loadable(folder, task or (before.task if before else ""))
    version = publish(
        models_folder,
        name,
        folder,
        task=task,
        labels=labels or (before.labels if before else ()),
        metrics=before.metrics if before else None,
        provenance=_merged(told, before.card) if before and before.card else told,
    )
    return read_manifest(models_folder / name / version)


def name_of(folder: Path) -> str:
    """What a folder is called where nobody says: by its manifest, else by its own name.

    Raises:
        ConfigError: its name is a number, as that of a version: it says nothing.
        SetupError: it has a manifest that cannot be read.
    """
    place = folder.resolve()
    if (place / MANIFEST).is_file():
        return read_manifest(place).name
    if place.name.isdecimal():
        raise ConfigError(
            f"{folder} is called by a number, which is no name for a model. "
            "Say what to call it: --name NAME"
        )
    return place.name.lower()


def _merged(told: Provenance, before: Card) -> Provenance:
    return Provenance(
        source=told.source or before.source,
        licence=told.licence or before.licence,
        limits=tuple(dict.fromkeys((*before.limits, *told.limits))),
        cost=before.cost,
    )
