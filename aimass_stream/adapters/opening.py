"""Decoding in two steps: open a payload, then prepare a model's own input. In device processes.

What was opened may serve several models that are asked together, and a part of it may be an
input, too: a crop of an image needs no file. `aimass_stream.model.SharingPredictor` is the
contract.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any

from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.codecs.images import Pixels, decode_image
from aimass_stream.codecs.text import decode_text
from aimass_stream.records import Limits


class Opening(ABC):
    """Base of `Predictor`s that decode in two steps.

    Attributes:
        opening: what `open` depends on.
        preparing: what `prepare` depends on; None where nobody else's input would do.
    """

    opening: Hashable
    preparing: Hashable = None

    def decode(self, payload: bytes | memoryview) -> Any:
        """One payload as the model takes it; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH or UNDECODABLE.
        """
        return self.prepare(self.open(payload))

    @abstractmethod
    def open(self, payload: bytes | memoryview) -> Any:
        """What a payload stands for, before the model's own needs change it.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH or UNDECODABLE.
        """

    @abstractmethod
    def prepare(self, opened: Any) -> Any:
        """The model's input, made of what was opened, which stays as it is.

        Raises:
            RecordError: TOO_LARGE.
        """


class OpensImages(Opening):
    """Opens JPEG and PNG files."""

    def open_within(self, limits: Limits, at_least: int | None = None) -> None:
        """Say what is opened, before anything is; the arguments are those of `decode_image`."""
        self.opening = ("image", limits, at_least)
        self._opened_limits, self._opened_edge = limits, at_least

    def open(self, payload: bytes | memoryview) -> Pixels:
        """`(height, width, 3)` uint8, RGB."""
        return decode_image(payload, self._opened_limits, at_least=self._opened_edge)


class OpensAudio(Opening):
    """Opens WAV, FLAC and Ogg files."""

    def open_within(self, limits: Limits, rate_hz: int) -> None:
        """Say what is opened, before anything is; the arguments are those of `decode_audio`."""
        self.opening = ("audio", limits, rate_hz)
        self._opened_limits, self._opened_rate_hz = limits, rate_hz

    def open(self, payload: bytes | memoryview) -> Samples:
        """`(samples,)` float32, mono, at the model's rate."""
        return decode_audio(payload, self._opened_limits, self._opened_rate_hz)


class OpensTexts(Opening):
    """Opens texts in UTF-8."""

    def open_within(self, limits: Limits) -> None:
        """Say what is opened, before anything is."""
        self.opening = ("text", limits)
        self._opened_limits = limits

    def open(self, payload: bytes | memoryview) -> str:
        """The text, without control characters."""
        return decode_text(payload, self._opened_limits)


def settings_of(processor: Any) -> Hashable:
    """All settings of a processor or feature extractor as text; None where it cannot tell them."""
    tell = getattr(processor, "to_json_string", None)
    return None if tell is None else (type(processor).__name__, tell())
