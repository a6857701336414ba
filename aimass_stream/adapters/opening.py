"""Decoding in two steps: open a payload, then prepare a model's own input. In device processes.

What was opened may serve several models that are asked together, and a part of it may be an
input, too: a crop of an image needs no file. `aimass_stream.model.SharingPredictor` is the
contract. The chain before a model is its own, so it runs in the second step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import Any

from PIL.Image import Image as Picture

from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.codecs.images import Pixels, decode_image, decode_picture
from aimass_stream.codecs.text import decode_text
from aimass_stream.model import ModelSpec
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.reading import Reading


class Opening(ABC):
    """Base of `Predictor`s that decode in two steps.

    Attributes:
        opening: what `open` depends on.
        preparing: what `prepare` depends on; None where nobody else's input would do, as behind
            a chain.
    """

    opening: Hashable
    preparing: Hashable

    def decode(self, payload: bytes | memoryview) -> Any:
        """One payload as the model takes it; several threads may call at once.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH, UNDECODABLE or TRANSFORM_ERROR.
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
            RecordError: EMPTY, TOO_LARGE or TRANSFORM_ERROR.
        """

    @abstractmethod
    def _prepare(self, cleaned: Any) -> Any:
        """The model's input, made of what the chain gives; may refuse it as TOO_LARGE."""

    def _set_reading(self, spec: ModelSpec, kind: Kind, preparing: Hashable) -> None:
        """Have the chain ready, and say whether another's input would do."""
        self._reading = Reading(spec, kind)
        self.preparing = preparing if self._reading.is_plain else None


class OpensImages(Opening):
    """Opens JPEG and PNG files.

    Attributes:
        from_picture: makes the model's input of a picture, where Pillow makes all of it; None
            where more is done than that. `prepare` of the picture's pixels gives the same.
    """

    from_picture: Callable[[Picture], Any] | None = None

    def decode(self, payload: bytes | memoryview) -> Any:
        """As `prepare` of what `open` gives, without a copy between the two where none is needed.

        Raises:
            RecordError: EMPTY, TOO_LARGE, TYPE_MISMATCH, UNDECODABLE or TRANSFORM_ERROR.
        """
        if self.from_picture is None or not self._reading.is_plain:
            return super().decode(payload)
        picture = decode_picture(payload, self._opened_limits, at_least=self._opened_edge)
        return self.from_picture(picture)

    def open_within(
        self, spec: ModelSpec, preparing: Hashable = None, at_least: int | None = None
    ) -> None:
        """Say what is opened, before anything is.

        Args:
            spec: the resolved declaration; option `before`.
            preparing: equal for models that make the same input of the same pixels.
            at_least: as in `decode_image`.

        Raises:
            SetupError: the chain cannot run before this model.
        """
        self._set_reading(spec, Kind.IMAGE, preparing)
        self.opening = ("image", spec.limits, at_least)
        self._opened_limits, self._opened_edge = spec.limits, at_least

    def open(self, payload: bytes | memoryview) -> Pixels:
        """`(height, width, 3)` uint8, RGB."""
        return decode_image(payload, self._opened_limits, at_least=self._opened_edge)

    def prepare(self, opened: Pixels) -> Any:
        """The model's input: pixels through the chain, then as the model takes them."""
        return self._prepare(self._reading.cleaned(opened))


class OpensAudio(Opening):
    """Opens WAV, FLAC and Ogg files."""

    def open_within(self, spec: ModelSpec, rate_hz: int, preparing: Hashable = None) -> None:
        """Say what is opened, before anything is.

        Args:
            spec: the resolved declaration; option `before`.
            rate_hz: what the model takes.
            preparing: equal for models that make the same input of the same samples.

        Raises:
            SetupError: the chain cannot run before this model.
        """
        self._set_reading(spec, Kind.SOUND, preparing)
        self.opening = ("audio", spec.limits, rate_hz)
        self._opened_limits, self._opened_rate_hz = spec.limits, rate_hz

    def open(self, payload: bytes | memoryview) -> Samples:
        """`(samples,)` float32, mono, at the model's rate."""
        return decode_audio(payload, self._opened_limits, self._opened_rate_hz)

    def prepare(self, opened: Samples) -> Any:
        """The model's input: samples through the chain, then as the model takes them."""
        return self._prepare(self._cleaned(opened))

    def _cleaned(self, opened: Samples) -> Samples:
        return self._reading.cleaned_sound(opened, self._opened_rate_hz)


class OpensTexts(Opening):
    """Opens texts in UTF-8."""

    def open_within(self, spec: ModelSpec, preparing: Hashable = None) -> None:
        """Say what is opened, before anything is.

        Args:
            spec: the resolved declaration; option `before`.
            preparing: equal for models that make the same input of the same text.

        Raises:
            SetupError: the chain cannot run before this model.
        """
        self._set_reading(spec, Kind.TEXT, preparing)
        self.opening = ("text", spec.limits)
        self._opened_limits = spec.limits

    def open(self, payload: bytes | memoryview) -> str:
        """The text, without control characters."""
        return decode_text(payload, self._opened_limits)

    def prepare(self, opened: str) -> Any:
        """The model's input: the text through the chain, then as the model takes it."""
        return self._prepare(self._reading.cleaned(opened))


def settings_of(processor: Any) -> Hashable:
    """All settings of a processor or feature extractor as text; None where it cannot tell them."""
    tell = getattr(processor, "to_json_string", None)
    return None if tell is None else (type(processor).__name__, tell())
