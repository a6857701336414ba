"""A fitted estimator as two files in a model's folder: `estimator.json` and its arrays.

Read where models run, written where they are fitted. `transforms.estimators` says what may be
kept. Beside the estimator lie a few rows and its answers to them: whoever loads it with another
version of scikit-learn learns at once whether it still answers alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.transforms.estimators import Arrays, freeze, thaw

FILE = "estimator.json"
"""Where an estimator is described."""
ARRAYS = "estimator.safetensors"
"""What it has learnt, as far as it is arrays."""

SklearnTask = Literal["classification", "regression", "clustering"]

_PROBES = 8
_TOLERANCE = 1e-6
_ROWS, _ANSWERS = "probe.rows", "probe.answers"


class EstimatorFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `estimator.json` holds.

    Attributes:
        task: of the declaration that runs it.
        estimator: its class, arguments, and what it has learnt.
        columns: numbers of an input.
        labels: its classes, in the order of its outputs, or the names of its outputs.
        libraries: versions it was fitted with.
    """

    task: SklearnTask
    estimator: dict[str, Any]
    columns: int
    labels: list[str]
    libraries: dict[str, str]


def task_of(estimator: Any) -> SklearnTask:
    """What an estimator does.

    Raises:
        ConfigError: none of the tasks.
    """
    from sklearn.base import is_classifier, is_clusterer, is_regressor

    if is_classifier(estimator):
        return "classification"
    if is_regressor(estimator):
        return "regression"
    if is_clusterer(estimator):
        return "clustering"
    raise ConfigError(f"{estimator!r} is neither a classifier, a regressor nor a clusterer.")


def write_estimator(
    folder: Path,
    estimator: Any,
    rows: NDArray[np.float64],
    labels: Sequence[str],
    libraries: dict[str, str],
) -> None:
    """Write the two files.

    Args:
        folder: the model's.
        estimator: fitted.
        rows: some it was fitted on, `(rows, columns)`; rows between their extremes become probes.
        labels: names of its outputs; of a classifier its own classes are taken.
        libraries: versions it was fitted with.

    Raises:
        ConfigError: it cannot be kept without a pickle.
        OSError: the files cannot be written.
    """
    arrays: Arrays = {}
    task = task_of(estimator)
    if task == "classification":
        labels = [str(one) for one in estimator.classes_]
    # Drawn between the extremes: no record of the captured range is given away.
    probes = np.random.default_rng(0).uniform(
        rows.min(axis=0), rows.max(axis=0), (_PROBES, rows.shape[1])
    )
    plain = freeze(estimator, arrays)
    arrays[_ROWS], arrays[_ANSWERS] = probes, outputs_of(estimator, task, probes)
    held = EstimatorFile(task, plain, rows.shape[1], list(labels), libraries)
    (folder / FILE).write_bytes(msgspec.json.format(msgspec.json.encode(held), indent=2) + b"\n")
    save_file(arrays, folder / ARRAYS)


def read_estimator(folder: Path) -> tuple[EstimatorFile, Any]:
    """The description and the estimator, which answers as it did when it was written.

    Raises:
        SetupError: there is none, it is damaged, or it answers otherwise.
    """
    try:
        held = msgspec.json.decode((folder / FILE).read_bytes(), type=EstimatorFile)
        arrays = load_file(folder / ARRAYS)
        estimator = thaw(held.estimator, arrays)
        found = outputs_of(estimator, held.task, arrays[_ROWS])
        same = np.allclose(found, arrays[_ANSWERS], rtol=_TOLERANCE, atol=_TOLERANCE)
    except Exception as error:
        raise SetupError(
            f"The estimator in {folder} cannot be loaded ({error}). Fit it again with "
            "aimass_stream.training.fitting.fit, which writes estimator.json."
        ) from error
    if not same or arrays[_ROWS].shape[1] != held.columns:
        raise SetupError(
            f"The estimator in {folder} does not answer as it did when it was fitted, with "
            f"{held.libraries}. Install those versions, or fit it again."
        )
    return held, estimator


def outputs_of(estimator: Any, task: SklearnTask, rows: NDArray[Any]) -> NDArray[np.float64]:
    """`(rows, outputs)`: probabilities, numbers, or distances from the centres."""
    if task == "regression":
        return np.asarray(estimator.predict(rows), np.float64).reshape(len(rows), -1)
    if task == "clustering":
        return np.asarray(estimator.transform(rows), np.float64)
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(rows), np.float64)
    return _shares(np.asarray(estimator.decision_function(rows), np.float64))


def _shares(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from the boundaries as shares of 1, `(rows, classes)`; these are no frequencies."""
    if margins.ndim == 1:
        margins = np.stack([-margins / 2, margins / 2], axis=1)
    raised = np.exp(margins - margins.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shares
