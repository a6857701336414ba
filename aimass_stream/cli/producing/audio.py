"""Audio to send."""

from __future__ import annotations

from aimass_stream.cli.producing.payloads import PayloadKind
from aimass_stream.records.audio import FLAC, OGG, WAV, Audio

AUDIO = PayloadKind(
    noun="recording",
    record=Audio,
    suffixes={".wav": WAV, ".flac": FLAC, ".ogg": OGG, ".oga": OGG, ".opus": OGG},
    doubt="neither WAV, FLAC nor Ogg inside",
)
"""Which files are audio, and what their name says they are."""
