"""A model and a learner that need no library, so that their processes start at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aimass_stream import Learner, Model, Prediction, Surprise
from aimass_stream.learner import Event, Snapshot
from aimass_stream.model import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Sizes(Model[Prediction]):
    """Labels a payload by whether its number of bytes is even."""

    adapter: ClassVar[str] = "tests.verify.struck.quick_models:SizesPredictor"

    name: str
    version: str = "1"

    @property
    def answer_type(self) -> type[Prediction]:
        return Prediction

    @property
    def location(self) -> str:
        return ""


class SizesPredictor:
    def __init__(self, spec: ModelSpec, device: str) -> None:
        del spec, device

    def decode(self, payload: bytes | memoryview) -> int:
        return len(payload)

    def predict(self, inputs: Sequence[int]) -> list[Prediction]:
        return [Prediction("odd" if size % 2 else "even", 1 / (1 + size)) for size in inputs]

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Longest(Learner[Surprise]):
    """Is surprised by values longer than all before."""

    adapter: ClassVar[str] = "tests.verify.struck.quick_models:LongestState"

    @property
    def answer_type(self) -> type[Surprise]:
        return Surprise


class LongestState:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        del settings
        self._most = 0

    def read(self, event: Event) -> int:
        return len(event.value)

    def score(self, inputs: Sequence[int]) -> list[Surprise]:
        return [Surprise(size / (size + self._most), 0.5, size > self._most, "") for size in inputs]

    def learn(self, inputs: Sequence[int]) -> None:
        self._most = max(self._most, *inputs)

    def snapshot(self) -> Snapshot:
        return Snapshot({}, {"most": self._most})

    def restore(self, snapshot: Snapshot) -> None:
        self._most = snapshot.data["most"]
