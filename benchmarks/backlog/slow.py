"""A model whose calls take as long as its environment says; nothing is computed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aimass_stream import Model, Prediction
from aimass_stream.model import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Slow(Model[Prediction]):
    """Labels every record alike, a call at a time.

    Attributes:
        call_ms: what a call takes at first.
        slow_call_ms: what a call takes later.
        slow_after_s: how long it is quick, counted from its first call.
    """

    adapter: ClassVar[str] = "benchmarks.backlog.slow:SlowPredictor"

    name: str = "slow"
    version: str = "1"
    call_ms: float
    slow_call_ms: float
    slow_after_s: float

    @property
    def answer_type(self) -> type[Prediction]:
        """The type of an answer."""
        return Prediction

    @property
    def location(self) -> str:
        """It has no weights."""
        return ""

    @property
    def options(self) -> Mapping[str, Any]:
        """What the predictor needs to know."""
        return {
            "call_ms": self.call_ms,
            "slow_call_ms": self.slow_call_ms,
            "slow_after_s": self.slow_after_s,
        }


class SlowPredictor:
    """A device that is busy for as long as it is told."""

    def __init__(self, spec: ModelSpec, device: str) -> None:
        del device
        self._call_s = spec.options["call_ms"] / 1000
        self._slow_call_s = spec.options["slow_call_ms"] / 1000
        self._slow_after_s = spec.options["slow_after_s"]
        self._begun: float | None = None

    def decode(self, payload: bytes | memoryview) -> int:
        """The size of a payload is all that is asked of it."""
        return len(payload)

    def predict(self, inputs: Sequence[int]) -> list[Prediction]:
        """Answer all alike after the time a call takes now."""
        self._begun = self._begun or time.monotonic()
        is_slow = time.monotonic() - self._begun > self._slow_after_s
        time.sleep(self._slow_call_s if is_slow else self._call_s)
        return [Prediction("size", 1.0) for _ in inputs]

    def close(self) -> None:
        """Nothing is held."""
