"""Models that are a NumPy-cheap function and run in the worker itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Generic, TypeVar

from aimass_stream.errors import RecordError
from aimass_stream.model import Model
from aimass_stream.records import Chunk

A = TypeVar("A")


@dataclass(frozen=True)
class Inline(Model[A], Generic[A]):
    """A function over columns, called on the worker's event loop.

    ```python
    def predict(chunk: Chunk) -> list[Speed]:
        points = np.frombuffer(b"".join(chunk.values), "<f4").reshape(len(chunk), -1)
        return [Speed(speed) for speed in np.hypot(points[:, 0], points[:, 1]).tolist()]

    speed = Inline("speed", predict, answer=Speed)
    ```

    The loop waits while it runs, so keep it below a millisecond a chunk, which has up to 128
    rows; whatever takes longer belongs in a device process. A chunk it raises on is split until
    the record that it raises on stands alone. Numbers are not looked at: NaN is the function's
    own to avoid.

    Attributes:
        name: the model's name.
        predict: answers a chunk: one answer a row, in order. An answer is a value of type
            `answer`, a dict, encoded JSON, or the `RecordError` that says why there is none.
        version: raise it when the function changes.
        answer: the type of an answer.
    """

    adapter: ClassVar[str] = "aimass_stream.adapters.inline:Inline"
    in_worker: ClassVar[bool] = True

    name: str
    predict: Callable[[Chunk], Sequence[A | dict[str, Any] | bytes | RecordError]]
    version: str = "1"
    _: KW_ONLY
    answer: type[A]

    @property
    def answer_type(self) -> type[A]:
        """The type of an answer."""
        return self.answer

    @property
    def location(self) -> str:
        """Nowhere: there are no weights."""
        return ""
