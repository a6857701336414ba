"""Models that only decode: what they answer is how much there was of what they were given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from aimass_stream.codecs.audio import decode_audio
from aimass_stream.codecs.images import decode_image
from aimass_stream.codecs.text import decode_text
from aimass_stream.model import Model, ModelSpec


class Measured(msgspec.Struct, frozen=True):
    """How many pixels, samples or characters."""

    size: int


class _Measure:
    def __init__(self, spec: ModelSpec, device: str) -> None:
        del device
        self._limits = spec.limits

    def predict(self, inputs: Sequence[int]) -> list[Measured]:
        return [Measured(size) for size in inputs]

    def close(self) -> None:
        pass


class MeasureImages(_Measure):
    def decode(self, payload: bytes | memoryview) -> int:
        return decode_image(payload, self._limits).size // 3


class MeasureAudio(_Measure):
    def decode(self, payload: bytes | memoryview) -> int:
        return len(decode_audio(payload, self._limits, 16_000))


class MeasureTexts(_Measure):
    def decode(self, payload: bytes | memoryview) -> int:
        return len(decode_text(payload, self._limits))


@dataclass(frozen=True, kw_only=True)
class Measuring(Model[Measured]):
    """A declaration without weights."""

    name: str
    version: str = "1"

    @property
    def answer_type(self) -> type[Measured]:
        return Measured

    @property
    def location(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class MeasuringImages(Measuring):
    adapter: ClassVar[str] = "tests.bad_input.adapters:MeasureImages"


@dataclass(frozen=True, kw_only=True)
class MeasuringAudio(Measuring):
    adapter: ClassVar[str] = "tests.bad_input.adapters:MeasureAudio"


@dataclass(frozen=True, kw_only=True)
class MeasuringTexts(Measuring):
    adapter: ClassVar[str] = "tests.bad_input.adapters:MeasureTexts"
