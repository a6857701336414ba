"""The declaration of windows of frames; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import ClipData


@dataclass(frozen=True)
class FrameWindows(Learner[ClipData]):
    """Gathers the frames of a camera, each a record, into clips.

    ```python
    windows = FrameWindows("windows", frames=16, stride=8)
    ```

    Its log holds images (raw, or in JSON), keyed by camera. The last frame of a window is answered
    with the window as a clip, all others with None. The first window of a key ends with its frame
    number `frames`, the next ones `stride` frames later each. A frame that comes more than `gap_s`
    behind the one before, or has another size, begins a window anew.

    Attributes:
        frames: of a clip.
        stride: frames from the end of one clip to the end of the next.
        gap_s: seconds of event time between two frames of one clip, at the most.
        edge: pixels of the longer edge that frames are shrunk to.
        keys: cameras remembered; the longest silent go first.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.frames.state:FrameWindowsState"

    name: str
    _: KW_ONLY
    frames: int = 16
    stride: int = 8
    gap_s: float = 10.0
    edge: int = 256
    keys: int = 100
    block_rows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, frames=2, stride=1, edge=8, keys=1)
        require_above_zero(self, "gap_s")

    @property
    def answer_type(self) -> type[ClipData]:
        """A clip."""
        return ClipData

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
