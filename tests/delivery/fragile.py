"""A model that is broken in the way a file says, read at every call."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aimass_stream import Model, Prediction
from aimass_stream.model import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Fragile(Model[Prediction]):
    """Labels a record with its payload, unless its file says `raise`, `exit` or `nan`."""

    adapter: ClassVar[str] = "tests.delivery.fragile:FragilePredictor"

    name: str = "fragile"
    version: str = "1"
    file: str

    @property
    def answer_type(self) -> type[Prediction]:
        return Prediction

    @property
    def location(self) -> str:
        return ""

    @property
    def options(self) -> dict[str, Any]:
        return {"file": self.file}


class FragilePredictor:
    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._file = Path(spec.options["file"])

    def decode(self, payload: bytes | memoryview) -> bytes:
        return bytes(payload)

    def predict(self, inputs: Sequence[bytes]) -> list[Prediction]:
        mood = self._file.read_text()
        if mood == "raise":
            raise RuntimeError("the weights are from yesterday")
        if mood == "exit":
            os._exit(9)
        score = math.nan if mood == "nan" else 0.5
        return [Prediction(payload.decode(), score) for payload in inputs]

    def close(self) -> None:
        """Nothing is held."""
