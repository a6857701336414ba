"""The declaration of what describes a recording without a trained network: its mel spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.declaration import require_at_least
from aimass_stream.model import Model
from aimass_stream.records import Embedding, Record

_RECORD_SECONDS = 32_000.0
"""Bytes of a second, as 16 bits at 16 kHz take."""


@dataclass(frozen=True)
class MelSpectrum(Model[Embedding]):
    """Recordings as vectors: the mean, the spread and the liveliness of each mel band over time.

    ```python
    spectrum = MelSpectrum("spectrum")
    app.feed(sounds, recordings, through=spectrum)
    ```

    A short-time Fourier transform (Hann windows of 32 ms, 10 ms apart), its power in mel bands,
    and the logarithm of that. Loudness as a whole is taken out. No weights are needed; where a
    trained network is at hand, its embeddings tell more.

    Attributes:
        name: the model's name.
        version: raise it when a setting changes.
        rate_hz: samples a second that recordings are brought to.
        bands: of the mel scale; the vector has three times as many numbers.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.adapters.spectrum_numbers:SpectrumModel"

    name: str
    version: str = "1"
    _: KW_ONLY
    rate_hz: int = 16_000
    bands: int = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, rate_hz=1_000, bands=4)

    @property
    def answer_type(self) -> type[Embedding]:
        """A vector of unit length."""
        return Embedding

    @property
    def location(self) -> str:
        """Nowhere: there are no weights."""
        return ""

    @property
    def options(self) -> Mapping[str, Any]:
        """What the numbers depend on."""
        return {"rate_hz": self.rate_hz, "bands": self.bands}

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return 3 * self.bands

    def cost(self, record: Record) -> float:
        """Seconds, about."""
        return max(1.0, len(record.bytes) / _RECORD_SECONDS)
