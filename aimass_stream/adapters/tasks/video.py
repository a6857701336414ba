"""Tasks whose records are clips."""

from __future__ import annotations

from collections.abc import Mapping

from aimass_stream.adapters.tasks.task import DTYPE, TOP, Common, Task
from aimass_stream.records import Prediction


class VideoClassification(Common, total=False):
    """Settings of `video-classification`."""

    top: int
    dtype: str


VIDEO_TASKS: Mapping[str, Task] = {
    "video-classification": Task(
        "aimass_stream.adapters.transformers_video:ActionClassifier",
        Prediction,
        {"top": TOP, "dtype": DTYPE},
    ),
}
"""By name."""
