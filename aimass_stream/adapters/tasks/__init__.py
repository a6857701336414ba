"""What `Transformers` can do: one table of tasks for each modality, pure data.

A task names its `Predictor`, the type of its answers, the settings it takes and what a record of
it costs. Nothing here imports a model library.
"""

from collections.abc import Mapping
from typing import Any

from aimass_stream.adapters.tasks.audio import AUDIO_TASKS
from aimass_stream.adapters.tasks.drawing import DRAWING_TASKS
from aimass_stream.adapters.tasks.images import IMAGE_TASKS, TORCH_TASKS
from aimass_stream.adapters.tasks.task import Common, Setting, Task
from aimass_stream.adapters.tasks.text import TEXT_TASKS
from aimass_stream.adapters.tasks.video import VIDEO_TASKS
from aimass_stream.declaration import takes_no
from aimass_stream.errors import ConfigError
from aimass_stream.transforms.chain import Chain

__all__ = ["TASKS", "Setting", "Task", "checked", "modality_of", "takes_of"]

TASKS: Mapping[str, Task] = {**IMAGE_TASKS, **VIDEO_TASKS, **TEXT_TASKS, **AUDIO_TASKS}
"""Every task by its name."""

_TAKES = {
    "question-answering": "Question",
    "text-to-image": "Text",
    "text-to-speech": "Text",
    "video-classification": "Clip",
}


def modality_of(task: str) -> str:
    """What a task is about: `image`, `audio`, `video` or `text`; empty where it is not known."""
    if task in IMAGE_TASKS or task in TORCH_TASKS or task in DRAWING_TASKS:
        return "image"
    if task in AUDIO_TASKS:
        return "audio"
    if task in VIDEO_TASKS:
        return "video"
    return "text" if task in TASKS else ""


def takes_of(task: str) -> str:
    """The name of the record type that a task reads; empty where it is not known."""
    return _TAKES.get(task) or modality_of(task).capitalize()


def checked(
    kind: str, tasks: Mapping[str, Task], task: str, location: str, told: Mapping[str, Any]
) -> dict[str, Any]:
    """The settings of a declaration, with its task's defaults.

    Args:
        kind: the declaration's class, for messages.
        tasks: those it knows.
        task: the one it names.
        location: of its model, for messages.
        told: the settings that were given.

    Raises:
        ConfigError: the task or a setting is not known, or a setting's value cannot be.
    """
    known = tasks[task].settings if task in tasks else {}
    made = {name: told.get(name, one.default) for name, one in known.items()}
    problem = _problem(tasks, task, told, made)
    if problem:
        raise ConfigError(f"{kind}({task!r}, {location!r}): {problem}")
    return {name: _plain(one) for name, one in made.items()}


def _plain(value: Any) -> Any:
    """A setting as it arrives at the model process: lists as lists, a chain as plain data."""
    if isinstance(value, Chain):
        return value.plain()
    return list(value) if isinstance(value, tuple | list) else value


def _problem(
    tasks: Mapping[str, Task], task: str, told: Mapping[str, Any], made: Mapping[str, Any]
) -> str:
    if task not in tasks:
        return f"this task is not known. Known tasks: {', '.join(sorted(tasks))}."
    known = tasks[task].settings
    strange = told.keys() - known.keys()
    if strange:
        own, common = sorted(known), list(Common.__annotations__)
        return (
            f"{takes_no(strange, [*own, *common])} Settings of this task: "
            f"{', '.join(own) or 'none'}. Of every model: {', '.join(common)}."
        )
    for name, value in made.items():
        try:
            wrong = "must be told" if value is None else known[name].problem(value)
        except TypeError as error:
            wrong = f"is of the wrong type: {error}"
        if wrong:
            return f"{name}={value!r} {wrong}"
    return tasks[task].clash(made)
