"""What a model folder is: its card, its task and its labels, as far as the files tell."""

from __future__ import annotations

from pathlib import Path

from aimass_stream.adapters.tasks import TASKS, modality_of, takes_of
from aimass_stream.adapters.tasks.drawing import DRAWING_TASKS
from aimass_stream.adapters.tasks.images import TORCH_TASKS
from aimass_stream.adapters.tasks.vectors import SKLEARN_TASKS
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.registry.card import Card, Provenance
from aimass_stream.registry.configuration import (
    ARCHITECTURE,
    CONFIG,
    ESTIMATOR,
    PIPELINE,
    Configuration,
    licence_of,
    read_configuration,
)
from aimass_stream.registry.preparation import check_preparation
from aimass_stream.registry.recognition import may_serve, recognise
from aimass_stream.registry.weights import count_values

KNOWN_TASKS = {**TASKS, **TORCH_TASKS, **DRAWING_TASKS, **SKLEARN_TASKS}
"""Every task that an adapter of the engine serves, by name."""


def describe(folder: Path, task: str, told: Provenance) -> Card:
    """The card of a model folder.

    Args:
        folder: of the model; its files are of accepted kinds.
        task: what it does.
        told: what its files do not tell. Where no licence is told, that of the front matter of
            its README is taken.

    Raises:
        SetupError: a file cannot be read, or weights are cut short.
    """
    about = read_configuration(folder)
    return Card(
        source=told.source,
        licence=told.licence or licence_of(folder),
        limits=tuple(dict.fromkeys((*about.limits, *told.limits))),
        cost=told.cost,
        modality=modality_of(task),
        takes=takes_of(task),
        answers=KNOWN_TASKS[task].answer_type.__name__ if task in KNOWN_TASKS else "",
        library=about.library,
        architecture=about.architecture,
        values=count_values(folder),
    )


def check_loadable(folder: Path, task: str = "") -> tuple[str, tuple[str, ...]]:
    """See that a folder is one that an adapter can load.

    Args:
        folder: of the model.
        task: what it is to do, where somebody said so.

    Returns:
        Its task, and its labels.

    Raises:
        ConfigError: there is no such folder, its task is not known or cannot be told, or is not
            that of its architecture.
        SetupError: it has no weights, no configuration, or lacks the tokenizer, image processor
            or feature extractor that the task needs.
    """
    if not folder.is_dir():
        raise ConfigError(f"There is no model folder {folder}.")
    if not any(folder.rglob("*.safetensors")):
        raise SetupError(
            f"Model folder {folder} has no weights: there is no .safetensors file. "
            "Write it with model.save_pretrained(folder)."
        )
    about = read_configuration(folder)
    if not about.library:
        raise SetupError(
            f"Model folder {folder} has neither {CONFIG}, as model.save_pretrained(folder) writes "
            f"it, nor {ARCHITECTURE}, as docs/models/own-networks.md describes it, nor {PIPELINE} "
            f"of a pipeline, nor {ESTIMATOR}, as aimass_stream.training.fitting.fit writes it."
        )
    found = _task(folder, about, task)
    check_preparation(folder, about, found)
    return found, about.labels


def _task(folder: Path, about: Configuration, told: str) -> str:
    is_fitted = about.library == "scikit-learn"
    tasks = sorted(SKLEARN_TASKS if is_fitted else KNOWN_TASKS.keys() - SKLEARN_TASKS.keys())
    known = "Tasks: " + ", ".join(tasks) + "."
    name = about.architecture or "this model"
    if told and told not in tasks:
        raise ConfigError(f"There is no task {told!r} for {name}. {known}")
    recognised = recognise(folder, about)
    if told and not may_serve(recognised, told):
        raise ConfigError(
            f"The model in {folder} is a {name}, which is for {recognised}, "
            f"not for {told}. Say that it is for {recognised}, or give the folder of another model."
        )
    found = told or recognised
    if not found:
        check_preparation(folder, about, "")
        raise ConfigError(
            f"{name[0].upper()}{name[1:]} may do several things. Say which: --task TASK. {known}"
        )
    return found


def describe_leniently(folder: Path, task: str) -> Card:
    """The card of a version that was published without one; what cannot be read stays empty."""
    try:
        return describe(folder, task, Provenance())
    except SetupError:
        return Card(modality=modality_of(task), takes=takes_of(task))
