"""The declaration of a network that is no transformers model: layers by name, or torchvision's.

Importing it imports neither torch nor torchvision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from aimass_stream.adapters.tasks import checked
from aimass_stream.adapters.tasks.images import TORCH_TASKS
from aimass_stream.model import AnswerT, Model

if TYPE_CHECKING:
    from typing import Unpack

    from aimass_stream.adapters.tasks import images
    from aimass_stream.records import Detections, Prediction


# With slots, `location` is an attribute of its own and not the property it overrides.
@dataclass(frozen=True, slots=True, init=False)
class Torch(Model[AnswerT], Generic[AnswerT]):
    """A network described by `architecture.json`, its weights in `model.safetensors` beside it.

    ```python
    digits = Torch("image-classification", "models://digits-dense")
    outlines = Torch("instance-segmentation", "mask-rcnn", threshold=0.7)
    ```

    The file names a library (`layers`: a chain of `torch.nn` layers; `torchvision`: one of its
    networks), an architecture, its arguments, the labels, and how images are prepared. Only what
    is on an allow-list is built, and nothing is downloaded. `docs/models/own-networks.md` has it
    in full.

    Attributes:
        task: `image-classification`, `object-detection` or `instance-segmentation`.
        location: as that of `Transformers`.
        settings: of the task; defaults where nothing was told.

    Raises:
        ConfigError: the task or a setting is not known, or a setting's value cannot be.
    """

    task: str
    location: str = field()
    settings: Mapping[str, Any] = field(hash=False)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Torch[Prediction],
            task: Literal["image-classification"],
            location: str,
            **settings: Unpack[images.ImageClassification],
        ) -> None: ...

        @overload
        def __init__(
            self: Torch[Detections],
            task: Literal["object-detection", "instance-segmentation"],
            location: str,
            **settings: Unpack[images.Detection],
        ) -> None: ...

        def __init__(self, task: str, location: str, **settings: Any) -> None: ...

    else:

        def __init__(self, task: str, location: str, **settings: Any) -> None:
            common = {one.name for one in fields(Model)} & settings.keys()
            Model.__init__(self, **{name: settings.pop(name) for name in common})
            made = checked("Torch", TORCH_TASKS, task, location, settings)
            for name, value in (("task", task), ("location", location), ("settings", made)):
                object.__setattr__(self, name, value)

    @property
    def adapter(self) -> str:  # type: ignore[override]  # one declaration, an adapter per task
        """`module:Class` of the task's `Predictor`."""
        return TORCH_TASKS[self.task].adapter

    @property
    def answer_type(self) -> type[AnswerT]:
        """The type of an answer."""
        return TORCH_TASKS[self.task].answer_type

    @property
    def options(self) -> Mapping[str, Any]:
        """What the adapter needs to know beside the folder."""
        return {"task": self.task, **self.settings}

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What the task's settings are unless told."""
        return {name: one.default for name, one in TORCH_TASKS[self.task].settings.items()}
