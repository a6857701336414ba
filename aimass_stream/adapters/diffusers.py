"""The declaration of a diffusion model; importing it imports neither torch nor diffusers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from aimass_stream.adapters.tasks.declaration import TaskModel
from aimass_stream.adapters.tasks.drawing import DRAWING_TASKS
from aimass_stream.model import AnswerT

if TYPE_CHECKING:
    from typing import Unpack

    from aimass_stream.adapters.tasks import drawing
    from aimass_stream.records import Drawing

BATCH_ROWS = 4
"""Images that are drawn together unless told: memory grows with each."""
TIMEOUT_S = 600.0
"""What a batch may take unless told: on a CPU an image takes minutes."""


@dataclass(frozen=True, slots=True, init=False)
class Diffusers(TaskModel[AnswerT], Generic[AnswerT]):
    """A pipeline in the format diffusers' `save_pretrained` writes: safetensors and JSON.

    ```python
    painter = Diffusers("text-to-image", "models://my-diffusion", steps=25, width=512, height=512)
    filler = Diffusers("inpainting", "models://my-inpainting")
    ```

    Needs the extra `diffusion`. What is drawn comes from a seed of the record's own, the same after
    a retry. `docs/models/drawing.md` has it in full.

    Attributes:
        task: `text-to-image` or `inpainting`.
        location: as that of `Transformers`.
        settings: of the task; defaults where nothing was told.

    Raises:
        ConfigError: the task or a setting is not known, or a setting's value cannot be.
    """

    tasks = DRAWING_TASKS

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Diffusers[Drawing],
            task: Literal["text-to-image"],
            location: str,
            **settings: Unpack[drawing.TextToImage],
        ) -> None: ...

        @overload
        def __init__(
            self: Diffusers[Drawing],
            task: Literal["inpainting"],
            location: str,
            **settings: Unpack[drawing.Inpainting],
        ) -> None: ...

        def __init__(self, task: str, location: str, **settings: Any) -> None: ...

    else:

        def __init__(self, task: str, location: str, **settings: Any) -> None:
            usual = {"max_batch_rows": BATCH_ROWS, "timeout_s": TIMEOUT_S}
            TaskModel.__init__(self, task, location, **{**usual, **settings})
