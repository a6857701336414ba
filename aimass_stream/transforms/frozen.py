"""A chain that was fitted, as two files in a model's folder: `chain.json` and its arrays.

The files are part of the version, so the same version always makes the same columns. They name
steps of this package and classes on a list, and hold numbers; nothing in them is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import msgspec
from safetensors.numpy import load_file, save_file

from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.records import Limits
from aimass_stream.transforms.chain import Chain, Transform
from aimass_stream.transforms.columns import Learned
from aimass_stream.transforms.estimators import Arrays
from aimass_stream.transforms.running import Function, function_of, imported

FILE = "chain.json"
"""Where a fitted chain is described."""
ARRAYS = "chain.safetensors"
"""What it has learnt, as far as it is arrays."""

_LIBRARIES = ("aimass-stream", "numpy", "scikit-learn")


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `chain.json` holds.

    Attributes:
        declared: the steps that a declaration says itself (`before`), which run first.
        steps: those of this file, in their order.
        learnt: what each of them has learnt; None where it learns nothing.
        libraries: versions it was fitted with.
        rows: records it was fitted on.
        refused: records that were left out, by reason.
        ranges: first and last offset by `topic/partition`.
    """

    declared: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    learnt: list[dict[str, Any] | None]
    libraries: dict[str, str]
    rows: int
    refused: dict[str, int]
    ranges: dict[str, tuple[int, int]]


def write_chain(folder: Path, frozen: Frozen, arrays: Arrays) -> None:
    """Write the two files.

    Raises:
        OSError: they cannot be written.
    """
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(frozen), indent=2) + b"\n")
    save_file(arrays, folder / ARRAYS)


def read_chain(
    folder: Path, declared: Sequence[Any], limits: Limits
) -> list[tuple[Transform, Function]]:
    """The steps of a folder, ready to run; none where it has no `chain.json`.

    Args:
        folder: the model's.
        declared: the steps that the declaration says itself, in their plain form.
        limits: bounds on what comes out of a step, as the declaration has them.

    Raises:
        SetupError: the files are damaged, or were fitted behind other steps than are declared.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        frozen = msgspec.json.decode(path.read_bytes(), type=Frozen)
        chain = Chain.of(frozen.steps, ours_only=True)
        arrays = load_file(folder / ARRAYS)
        steps = [
            (step, _thawed(step, learnt, arrays, limits))
            for step, learnt in zip(chain.steps, frozen.learnt, strict=True)
        ]
    except SetupError:
        raise
    except Exception as error:
        raise SetupError(f"The chain in {folder} cannot be read: {error} Fit it again.") from error
    if frozen.declared != list(declared):
        raise SetupError(
            f"The chain in {folder} was fitted behind before={frozen.declared}, and is declared "
            f"behind before={list(declared)}. Declare the former, or fit it again."
        )
    return steps


def learned_of(step: Transform) -> Learned:
    """The fitted side of a step, which has learnt nothing yet.

    Raises:
        SetupError: it cannot be imported.
    """
    return cast(Callable[[Transform], Learned], imported(step))(step)


def library_versions() -> dict[str, str]:
    """Of the libraries that fitting depends on."""
    return {name: metadata.version(name) for name in _LIBRARIES}


def _thawed(
    step: Transform, learnt: dict[str, Any] | None, arrays: Mapping[str, Any], limits: Limits
) -> Function:
    if not step.is_fitted:
        return function_of(step, limits)
    if learnt is None:
        raise ConfigError(f"{type(step).__name__} has learnt nothing.")
    learned = learned_of(step)
    learned.thaw(learnt, arrays)
    return learned
