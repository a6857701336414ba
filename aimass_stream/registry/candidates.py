"""Versions that were proposed: laid down, in force only where they are named, and put in force."""

from __future__ import annotations

import tempfile
from pathlib import Path

from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.errors import ConfigError, RecordError, SetupError
from aimass_stream.records import Limits, Proposal
from aimass_stream.registry.card import Provenance
from aimass_stream.registry.folder import locate, publish
from aimass_stream.registry.manifest import Manifest, check_name, read_manifest, versions_of
from aimass_stream.registry.references import SCHEME


def lay_down(models_folder: Path, proposal: Proposal, store: PayloadStore) -> Manifest:
    """Make a proposal a candidate; one that was made before is found again.

    Args:
        models_folder: the registry.
        proposal: what a `Proposer` answered.
        store: where its files are.

    Returns:
        The manifest of the candidate.

    Raises:
        ConfigError: the model's name cannot be one.
        SetupError: a file is missing, or not what the proposal says, or of no accepted kind.
    """
    alike = _alike(models_folder, proposal)
    if alike is not None:
        return alike
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, claim in proposal.files.items():
            if Path(name).name != name:
                raise SetupError(f"A proposal for {proposal.model} has a file {name!r}.")
            try:
                (folder / name).write_bytes(store.fetch(claim, Limits()))
            except RecordError as error:
                raise SetupError(
                    f"{name} of a proposal for {proposal.model} cannot be had: {error.detail}"
                ) from error
        version = publish(
            models_folder,
            proposal.model,
            folder,
            task=proposal.task,
            provenance=Provenance(source=_source(proposal)),
            is_candidate=True,
        )
    return read_manifest(models_folder / proposal.model / version)


def promote(models_folder: Path, reference: str) -> Manifest:
    """Publish a candidate as the next version of its name, which is then in force.

    Args:
        models_folder: the registry.
        reference: `name@version`; with or without `models://`.

    Raises:
        ConfigError: there is no such version, it is not named with its number, or is no candidate.
        SetupError: its files are damaged.
    """
    found = locate(SCHEME + reference.removeprefix(SCHEME), models_folder)
    candidate = read_manifest(Path(found.folder))
    if "@" not in reference or not candidate.is_candidate:
        raise ConfigError(f"{candidate.id} is no candidate; name one with its number.")
    version = publish(
        models_folder,
        candidate.name,
        Path(found.folder),
        task=candidate.task,
        labels=candidate.labels,
        metrics=candidate.metrics,
        provenance=candidate.card,
    )
    return read_manifest(models_folder / candidate.name / version)


def _alike(models_folder: Path, proposal: Proposal) -> Manifest | None:
    """The version that has the files of a proposal, if there is one."""
    home = models_folder / check_name(proposal.model)
    wanted = {name: claim.sha256 for name, claim in proposal.files.items()}
    for version in reversed(versions_of(home)):
        manifest = read_manifest(home / str(version))
        if {name: entry.sha256 for name, entry in manifest.files.items()} == wanted:
            return manifest
    return None


def _source(proposal: Proposal) -> str:
    ranges = ", ".join(
        f"{place} {first}-{last}" for place, (first, last) in sorted(proposal.ranges.items())
    )
    return f"fitted on {proposal.rows} records of {ranges}"
