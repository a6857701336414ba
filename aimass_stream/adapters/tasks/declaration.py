"""What declarations by task have in common: a task, where the model is, and the task's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Generic

from aimass_stream.adapters.tasks import checked, takes_of
from aimass_stream.adapters.tasks.task import Task
from aimass_stream.model import AnswerT, Model
from aimass_stream.records import Record


# With slots, `location` is an attribute of its own and not the property it overrides.
@dataclass(frozen=True, slots=True, init=False)
class TaskModel(Model[AnswerT], Generic[AnswerT]):
    """A declaration that names a task; its subclasses say which tasks there are.

    Attributes:
        tasks: those it knows, by name.
        task: what the model does.
        location: `models://name[@version]` in the registry, `package://name/folder` inside an
            installed package, or a folder.
        settings: of the task; defaults where nothing was told.

    Raises:
        ConfigError: the task or a setting is not known, or a setting's value cannot be.
    """

    tasks: ClassVar[Mapping[str, Task]]

    task: str
    location: str = field()
    settings: Mapping[str, Any] = field(hash=False)

    def __init__(self, task: str, location: str, **settings: Any) -> None:
        common = {one.name for one in fields(Model)} & settings.keys()
        object.__setattr__(self, "task", task)
        object.__setattr__(self, "location", location)
        Model.__init__(self, **{name: settings.pop(name) for name in common})
        made = checked(type(self).__name__, self.tasks, task, location, settings)
        object.__setattr__(self, "settings", made)

    @property
    def adapter(self) -> str:  # type: ignore[override]  # one declaration, an adapter per task
        """`module:Class` of the task's `Predictor`."""
        return self.tasks[self.task].adapter

    @property
    def answer_type(self) -> type[AnswerT]:
        """The type of an answer."""
        return self.tasks[self.task].answer_type

    @property
    def takes(self) -> str:
        """The record type that the task reads; empty where the model's own files say it."""
        return takes_of(self.task)

    @property
    def options(self) -> Mapping[str, Any]:
        """What the adapter needs to know beside the folder."""
        return {"task": self.task, **self.settings}

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What the task's settings are unless told."""
        return {name: one.default for name, one in self.tasks[self.task].settings.items()}

    @property
    def seeded(self) -> bool:
        """Whether the task draws at random."""
        return self.tasks[self.task].seeded

    @property
    def written_together(self) -> int:
        """Answers that are written side by side; 0 where the task does not write."""
        return int(self.settings["together"]) if self.tasks[self.task].writes else 0

    @property
    def is_told(self) -> bool:
        """Whether its task, with these settings, takes more of a record than the payload."""
        told = self.tasks[self.task].told
        return told is not None and told.needed(self.settings)

    @property
    def must_be_told(self) -> bool:
        """Whether its task, with these settings, answers nothing without."""
        told = self.tasks[self.task].told
        return told is not None and told.needed(self.settings) and told.is_required

    def told(self, record: Record) -> Mapping[str, Any]:
        """What its task takes of a record beside the payload.

        Raises:
            RecordError: the record does not say what it must.
        """
        told = self.tasks[self.task].told
        return {} if told is None else told.read(record)

    def cost(self, record: Record) -> float:
        """Tokens, seconds or pixels where rows differ: rows are padded to the longest."""
        return self.tasks[self.task].cost(record, self.settings)
