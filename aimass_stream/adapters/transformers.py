"""The declaration of a transformers model; importing it imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from aimass_stream.codecs.audio_headers import length_s
from aimass_stream.errors import ConfigError
from aimass_stream.model import Model
from aimass_stream.records import Prediction, Record

_AUDIO = "audio-classification"
_ADAPTERS = {
    _AUDIO: "aimass_stream.adapters.transformers_audio:AudioClassifier",
    "image-classification": "aimass_stream.adapters.transformers_images:ImageClassifier",
}


# With slots, `location` is an attribute of its own and not the property it overrides.
@dataclass(frozen=True, slots=True)
class Transformers(Model[Prediction]):
    """A model in the format `save_pretrained` writes: safetensors and JSON, in one folder.

    ```python
    image_classifier = Transformers("image-classification", "models://digits-resnet", latency_ms=50)
    ```

    Code that a model folder brings along is never run, and nothing is downloaded.

    Attributes:
        task: what the model does: `image-classification`, `audio-classification`.
        location: `models://name[@version]` in the registry, or a folder.
        top: labels in `Prediction.scores`; a model with fewer gives all it has.
        scaled_decode: decode large JPEGs at a half, quarter or eighth of their size, never
            below twice what the model takes. Quicker, with slightly different scores.

    Raises:
        ConfigError: the task is not known, or `top` is below 1.
    """

    task: str
    location: str = field()
    _: KW_ONLY
    top: int = 3
    scaled_decode: bool = False

    def __post_init__(self) -> None:
        if self.task not in _ADAPTERS:
            raise ConfigError(
                f"Transformers({self.task!r}, {self.location!r}): this task is not known. "
                f"Known tasks: {', '.join(sorted(_ADAPTERS))}."
            )
        if self.top < 1:
            raise ConfigError(
                f"Transformers({self.task!r}, {self.location!r}): top={self.top} is below 1"
            )

    @property
    def adapter(self) -> str:  # type: ignore[override]  # one declaration, an adapter per task
        """`module:Class` of the task's `Predictor`."""
        return _ADAPTERS[self.task]

    @property
    def answer_type(self) -> type[Prediction]:
        """A label with its probability."""
        return Prediction

    @property
    def options(self) -> Mapping[str, Any]:
        """What the adapter needs to know beside the folder."""
        return {"task": self.task, "top": self.top, "scaled_decode": self.scaled_decode}

    def cost(self, record: Record) -> float:
        """Seconds of audio by its header, which rows are padded to; 1 for an image."""
        return length_s(record.bytes) if self.task == _AUDIO else 1.0
