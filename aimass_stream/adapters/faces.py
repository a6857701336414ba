"""The declaration of a face detector that needs no weights of one's own; imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.adapters.tasks.images import pixels_cost
from aimass_stream.errors import ConfigError
from aimass_stream.model import Model
from aimass_stream.records import Detections, Record


@dataclass(frozen=True)
class FaceCascade(Model[Detections]):
    """Frontal faces by the cascade that scikit-image brings, trained.

    ```python
    faces = FaceCascade("faces")
    ```

    Local binary patterns: Liao et al., "Learning Multi-scale Block Local Binary Patterns for Face
    Recognition", ICB 2007. It needs the extra `vision`. A face is found or not, so scores are 1; it
    misses faces from the side, and finds some where none are. A network that was trained on faces
    does better, and takes its place in a graph.

    Attributes:
        name: of the model.
        min_edge: pixels of the smallest face.
        scale_factor: by how much larger each next size is that is looked for.
        step_ratio: how far a window moves; above 1 is quicker, and misses more.
        top: faces at most, the largest first.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.adapters.face_cascade:CascadeFinder"

    name: str
    _: KW_ONLY
    min_edge: int = 40
    scale_factor: float = 1.2
    step_ratio: float = 1.5
    top: int = 100

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        good = self.name and self.min_edge >= 24 and 1.05 <= self.scale_factor <= 4
        if not (good and 1 <= self.step_ratio <= 4 and self.top >= 1):
            raise ConfigError(
                f"FaceCascade({self.name!r}): it needs a name, min_edge of 24 or more, a "
                "scale_factor of 1.05 to 4, a step_ratio of 1 to 4, and top of 1 or more"
            )

    @property
    def answer_type(self) -> type[Detections]:
        """Where faces are."""
        return Detections

    @property
    def location(self) -> str:
        """Nowhere: what it learnt is a file of the library."""
        return ""

    @property
    def version(self) -> str:
        """The cascade's number, and the settings."""
        return f"1-{self.min_edge}-{self.scale_factor:g}-{self.step_ratio:g}-{self.top}"

    @property
    def options(self) -> Mapping[str, Any]:
        """Its own settings."""
        return {
            "min_edge": self.min_edge,
            "scale_factor": float(self.scale_factor),
            "step_ratio": float(self.step_ratio),
            "top": self.top,
        }

    def cost(self, record: Record) -> float:
        """Pixels."""
        return pixels_cost(record, {})
