"""From a payload to what a model takes: decoded within limits, then through the chain.

The chain is what the declaration says (`before`), and behind it what was fitted and frozen in the
model's folder. In device processes only; runs in the decode threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from aimass_stream.codecs.audio import Samples, decode_audio
from aimass_stream.codecs.images import decode_image
from aimass_stream.codecs.text import decode_text
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records.json_object import read_object
from aimass_stream.records.limits import Limits
from aimass_stream.transforms.chain import Chain, Kind, Transform
from aimass_stream.transforms.frozen import read_chain
from aimass_stream.transforms.running import Function, Running, function_of
from aimass_stream.transforms.sounds import Resample
from aimass_stream.transforms.values import Sound, Vector

ValueT = TypeVar("ValueT")

RATE_HZ = 16_000
"""What audio is decoded at for features, where their chain does not begin with `Resample`."""
LARGEST = 1e30
"""Numbers of a vector beyond it are refused: they would not fit float32."""


class Reading:
    """What stands before a model; several threads may call at once.

    Args:
        spec: the resolved declaration; option `before`. A task that does not have it is given
            what was decoded.
        gives: what the model takes.

    Raises:
        SetupError: a step's library is not installed, the folder's chain is damaged or belongs
            to another declaration, or the steps do not fit each other or the model.
    """

    def __init__(self, spec: ModelSpec, gives: Kind) -> None:
        self._limits = spec.limits
        steps = _steps(spec)
        try:
            chain = Chain(*(step for step, _ in steps)) if steps else None
        except ConfigError as error:
            raise SetupError(f"Before {spec.id}: {error}") from error
        if chain is not None and chain.gives is not gives:
            raise SetupError(
                f"The chain before {spec.id} gives {chain.gives}, but the model takes {gives}."
            )
        head = len(steps)
        while gives is Kind.VECTOR and head > 1 and hasattr(steps[head - 1][1], "rows"):
            head -= 1
        self._run = Running(steps[:head], spec.limits)
        self._tail = Running(steps[head:], spec.limits)
        self._columns = [cast(Any, function).rows for _, function in steps[head:]]
        self._takes = chain.takes if chain else gives
        self._first = chain.steps[0] if chain else None

    @property
    def is_plain(self) -> bool:
        """Whether there is no chain."""
        return self._first is None

    def cleaned(self, decoded: ValueT) -> ValueT:
        """An image's pixels or a text through the chain, which gives what it takes.

        Raises:
            RecordError: EMPTY, TOO_LARGE or TRANSFORM_ERROR.
        """
        found: ValueT = self._run(decoded)
        return found

    def cleaned_sound(self, samples: Samples, rate_hz: int) -> Samples:
        """Samples through the chain, back at the rate they came with.

        Raises:
            RecordError: TRANSFORM_ERROR.
        """
        if self.is_plain:
            return samples
        from aimass_stream.transforms.samples import resample

        return resample(self._run(Sound(samples, rate_hz)), rate_hz).samples

    def text(self, payload: bytes | memoryview) -> str:
        """UTF-8, as `decode_text`, and cleaned.

        Raises:
            RecordError: EMPTY, TOO_LARGE, UNDECODABLE or TRANSFORM_ERROR.
        """
        return self.cleaned(decode_text(payload, self._limits))

    def vector(self, payload: bytes | memoryview) -> Vector:
        """What the chain makes of one record, up to the steps that `rows` runs.

        Raises:
            RecordError: what the decoder refuses, or TRANSFORM_ERROR.
        """
        found: Vector = self._run(decode(payload, self._takes, self._limits, self._first))
        return found

    def rows(self, vectors: Sequence[Vector]) -> list[Vector | RecordError]:
        """What the model is given of each vector, or why it is refused.

        The last steps, if scikit-learn does them, run on all vectors at once, since a call costs
        much more than a row. Where one is refused they run again, vector by vector.
        """
        try:
            values = np.stack(vectors)
            for function in self._columns:
                values = function(values)
            whole(values)
        except Exception:  # whatever it is, each vector alone tells whose it is
            return [self._alone(one) for one in vectors]
        return list(values)

    def _alone(self, vector: Vector) -> Vector | RecordError:
        try:
            return whole(self._tail(vector))
        except RecordError as error:
            return error


def whole(vector: Vector) -> Vector:
    """A vector, or rows of them, in which every column is a number.

    Raises:
        RecordError: TRANSFORM_ERROR: one is missing, or beyond `LARGEST`.
    """
    wrong = np.argwhere(~(np.abs(vector) <= LARGEST))
    if len(wrong):
        raise RecordError(
            Reason.TRANSFORM_ERROR,
            f"column {wrong[0][-1]} of {vector.shape[-1]} holds no number; Impute fills in what is "
            "missing",
        )
    return vector


def decode(
    payload: bytes | memoryview, kind: Kind, limits: Limits, first: Transform | None = None
) -> Any:
    """What a chain that takes this kind is given.

    Args:
        payload: of a record.
        kind: what the chain takes.
        limits: bounds of the record.
        first: the chain's first step; where it is `Resample`, audio is decoded at its rate.

    Raises:
        RecordError: the payload cannot be decoded.
    """
    if kind is Kind.IMAGE:
        return decode_image(payload, limits)
    if kind is Kind.SOUND:
        rate_hz = first.rate_hz if isinstance(first, Resample) else RATE_HZ
        return Sound(decode_audio(payload, limits, rate_hz), rate_hz)
    if kind is Kind.TEXT:
        return decode_text(payload, limits)
    return read_object(bytes(payload), limits.event_bytes)


def _steps(spec: ModelSpec) -> list[tuple[Transform, Function]]:
    """The declared steps, and behind them the folder's."""
    declared = spec.options.get("before")
    if declared is None:
        return []
    try:
        chain = Chain.of(declared) if declared else None
    except ConfigError as error:
        raise SetupError(str(error)) from error
    steps = [(step, function_of(step, spec.limits)) for step in chain.steps] if chain else []
    return steps + read_chain(Path(spec.folder), declared, spec.limits)
