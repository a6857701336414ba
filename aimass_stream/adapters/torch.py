"""The declaration of a network that is no transformers model: layers by name, or torchvision's.

Importing it imports neither torch nor torchvision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from aimass_stream.adapters.tasks.declaration import TaskModel
from aimass_stream.adapters.tasks.images import TORCH_TASKS
from aimass_stream.model import AnswerT

if TYPE_CHECKING:
    from typing import Unpack

    from aimass_stream.adapters.tasks import images
    from aimass_stream.records import Detections, PosedDetections, Prediction


@dataclass(frozen=True, slots=True, init=False)
class Torch(TaskModel[AnswerT], Generic[AnswerT]):
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
        task: `image-classification`, `object-detection`, `instance-segmentation` or
            `keypoint-detection`.
        location: as that of `Transformers`.
        settings: of the task; defaults where nothing was told.

    Raises:
        ConfigError: the task or a setting is not known, or a setting's value cannot be.
    """

    tasks = TORCH_TASKS

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

        def __init__(self, task: str, location: str, **settings: Any) -> None: ...
