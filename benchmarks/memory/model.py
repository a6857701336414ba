"""The job of the engine row set as a model of a device process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aimass_stream import Model, Prediction
from aimass_stream.model import ModelSpec
from benchmarks.engine.workload import answer_one


@dataclass(frozen=True, kw_only=True)
class Linear(Model[Prediction]):
    """Labels a reading; it has no weights to load."""

    adapter: ClassVar[str] = "benchmarks.memory.model:LinearPredictor"

    name: str = "linear"
    version: str = "1"

    @property
    def answer_type(self) -> type[Prediction]:
        """A label without a score."""
        return Prediction

    @property
    def location(self) -> str:
        """Nowhere."""
        return ""


class LinearPredictor:
    """The `Predictor` of `Linear`."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        del spec, device

    def decode(self, payload: bytes | memoryview) -> bytes:
        """The payload, which is read with the job itself."""
        return bytes(payload)

    def predict(self, inputs: Sequence[bytes]) -> list[Prediction]:
        """Answer each input."""
        return [Prediction(answer_one(one).decode(), 1.0) for one in inputs]

    def close(self) -> None:
        """Nothing is held."""
