"""What `Transformers` can do: one table of tasks for each modality, pure data.

A task names its `Predictor`, the type of its answers, the settings it takes and what a record of
it costs. Nothing here imports a model library.
"""

from collections.abc import Mapping

from aimass_stream.adapters.tasks.audio import AUDIO_TASKS
from aimass_stream.adapters.tasks.images import IMAGE_TASKS
from aimass_stream.adapters.tasks.task import Setting, Task
from aimass_stream.adapters.tasks.text import TEXT_TASKS

__all__ = ["TASKS", "Setting", "Task"]

TASKS: Mapping[str, Task] = {**IMAGE_TASKS, **TEXT_TASKS, **AUDIO_TASKS}
"""Every task by its name."""
