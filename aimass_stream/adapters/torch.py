"""The declaration of a network that is no transformers model: layers by name, or a library's.

Importing it imports neither torch nor a library on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, overload

from aimass_stream.adapters.tasks.audio import SPOKEN_BY_TORCH
from aimass_stream.adapters.tasks.declaration import TaskModel
from aimass_stream.adapters.tasks.images import TORCH_TASKS
from aimass_stream.adapters.tasks.task import Task
from aimass_stream.model import AnswerT

if TYPE_CHECKING:
    from typing import Unpack

    from aimass_stream.adapters.tasks import audio, images
    from aimass_stream.records import Detections, PosedDetections, Prediction, Speech


@dataclass(frozen=True, slots=True, init=False)
class Torch(TaskModel[AnswerT], Generic[AnswerT]):
    """A network described by `architecture.json`, its weights in `model.safetensors` beside it.

    ```python
    digits = Torch("image-classification", "models://digits-dense")
    outlines = Torch("instance-segmentation", "mask-rcnn", threshold=0.7)
    ```

    The file names a library (`layers`: a chain of `torch.nn` layers; `torchvision` and
    `torchaudio`: one of their networks), an architecture, its arguments, the labels, and how images
    are prepared. Only what is on an allow-list is built, and nothing is downloaded.
    `docs/models/own-networks.md` has it in full, and `docs/models/speaking.md` what speaks.

    Attributes:
        task: `image-classification`, `object-detection`, `instance-segmentation`,
            `keypoint-detection` or `text-to-speech`.
        location: as that of `Transformers`.
        settings: of the task; defaults where nothing was told.

    Raises:
        ConfigError: the task or a setting is not known, or a setting's value cannot be.
    """

    tasks: ClassVar[Mapping[str, Task]] = {**TORCH_TASKS, **SPOKEN_BY_TORCH}

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Torch[Prediction],
            task: Literal["image-classification"],
            location: str,
            **settings: Unpack[images.NetworkClassification],
        ) -> None: ...

        @overload
        def __init__(
            self: Torch[Detections],
            task: Literal["object-detection", "instance-segmentation"],
            location: str,
            **settings: Unpack[images.Detection],
        ) -> None: ...

        @overload
        def __init__(
            self: Torch[PosedDetections],
            task: Literal["keypoint-detection"],
            location: str,
            **settings: Unpack[images.Detection],
        ) -> None: ...

        @overload
        def __init__(
            self: Torch[Speech],
            task: Literal["text-to-speech"],
            location: str,
            **settings: Unpack[audio.Synthesis],
        ) -> None: ...

        def __init__(self, task: str, location: str, **settings: Any) -> None: ...
