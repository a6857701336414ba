"""The answer of an encoder."""

from __future__ import annotations

from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray


class Embedding(msgspec.Struct, frozen=True):
    """A record as a vector of unit length.

    Attributes:
        vector: its numbers as little-endian float32; base64 in JSON.
        dimensions: how many.
    """

    vector: bytes
    dimensions: int

    @classmethod
    def of(cls, numbers: NDArray[np.floating]) -> Self:
        """The embedding that holds these numbers, `(dimensions,)`."""
        return cls(numbers.astype("<f4").tobytes(), len(numbers))

    @property
    def numbers(self) -> NDArray[np.float32]:
        """`(dimensions,)` float32.

        Raises:
            ValueError: the bytes are not as many numbers as `dimensions` says.
        """
        numbers = np.frombuffer(self.vector, "<f4")
        if len(numbers) != self.dimensions:
            raise ValueError(f"{len(numbers)} numbers where {self.dimensions} were said to be")
        return numbers.astype(np.float32)
