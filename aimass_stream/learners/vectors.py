"""Embeddings as learners read them from a log."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Embedding

LARGEST_NUMBER = 1e6
"""Numbers of an embedding beyond it are refused."""


def read_embedding(value: bytes, dimensions: int) -> NDArray[np.float32]:
    """The numbers of an embedding in JSON, `(dimensions,)`.

    Raises:
        RecordError: BAD_ENVELOPE: it is none, has another length, or numbers that are not finite
            or huge.
    """
    try:
        embedding = msgspec.json.decode(value, type=Embedding)
        numbers = embedding.numbers
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(Reason.BAD_ENVELOPE, f"no embedding: {error}") from None
    if len(numbers) != dimensions:
        raise RecordError(
            Reason.BAD_ENVELOPE, f"an embedding of {len(numbers)} numbers, not {dimensions}"
        )
    if not (np.abs(numbers) <= LARGEST_NUMBER).all():
        raise RecordError(Reason.BAD_ENVELOPE, "an embedding with NaN or huge numbers")
    return numbers


def read_direction(value: bytes, dimensions: int) -> NDArray[np.float32]:
    """An embedding in JSON, made of unit length, `(dimensions,)`.

    Raises:
        RecordError: BAD_ENVELOPE: as `read_embedding`, or it has no direction.
    """
    vector = read_embedding(value, dimensions)
    length = float(np.linalg.norm(vector.astype(np.float64)))
    if length == 0:
        raise RecordError(Reason.BAD_ENVELOPE, "an embedding of zeros has no direction")
    unit: NDArray[np.float32] = (vector / length).astype(np.float32)
    return unit
