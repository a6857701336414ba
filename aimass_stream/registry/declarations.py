"""Which declaration a model folder is for: each library's folders are loaded by one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from aimass_stream.adapters.tasks import TASKS
from aimass_stream.adapters.tasks.audio import SPOKEN_BY_TORCH
from aimass_stream.adapters.tasks.drawing import DRAWING_TASKS
from aimass_stream.adapters.tasks.images import TORCH_TASKS
from aimass_stream.adapters.tasks.task import Task
from aimass_stream.adapters.tasks.vectors import SKLEARN_TASKS
from aimass_stream.errors import SetupError
from aimass_stream.registry.configuration import (
    ARCHITECTURE,
    CONFIG,
    ESTIMATOR,
    PIPELINE,
    read_configuration,
)


class _Declaration(NamedTuple):
    """What a user writes, the file it goes by, and whose folders have that file."""

    name: str
    described_in: str
    libraries: tuple[str, ...]
    tasks: Mapping[str, Task]


_DECLARATIONS = (
    _Declaration("Transformers", CONFIG, ("transformers", "timm"), TASKS),
    _Declaration(
        "Torch",
        ARCHITECTURE,
        ("layers", "torchvision", "torchaudio", "yolox"),
        {**TORCH_TASKS, **SPOKEN_BY_TORCH},
    ),
    _Declaration("Diffusers", PIPELINE, ("diffusers",), DRAWING_TASKS),
    _Declaration("Sklearn", ESTIMATOR, ("scikit-learn",), SKLEARN_TASKS),
)


def check_declared(folder: Path, adapter: str, task: str) -> None:
    """See that a folder is declared by what loads it.

    Args:
        folder: of the model.
        adapter: `module:Class` of its declaration; anything is fine for one that goes by no file.
        task: that it is declared for.

    Raises:
        SetupError: another declaration loads it, which the message names; or a file cannot be
            read.
    """
    declared = next((one for one in _DECLARATIONS if _loads(one, adapter)), None)
    if declared is None:
        return
    about = read_configuration(folder)
    meant = next((one for one in _DECLARATIONS if about.library in one.libraries), declared)
    if meant is declared:
        return
    what = about.architecture or "model"
    raise SetupError(
        f"Model folder {folder} holds a {what} of {about.library}, which {declared.name} does not "
        f"load: it goes by {declared.described_in}. {_way_out(meant, task)}"
    )


def _loads(declaration: _Declaration, adapter: str) -> bool:
    return any(task.adapter == adapter for task in declaration.tasks.values())


def _way_out(meant: _Declaration, task: str) -> str:
    if task in meant.tasks:
        return f"Declare it as {meant.name}({task!r}, ...), which goes by {meant.described_in}."
    tasks = ", ".join(sorted(meant.tasks))
    return f"Declare it as {meant.name}(TASK, ...). Its tasks: {tasks}."
