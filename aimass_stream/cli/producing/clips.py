"""Clips to send."""

from __future__ import annotations

from aimass_stream.cli.producing.payloads import PayloadKind
from aimass_stream.records.clip import GIF, WEBP, Clip

CLIPS = PayloadKind(
    noun="clip",
    record=Clip,
    suffixes={".gif": GIF, ".webp": WEBP},
    doubt="neither GIF nor WebP inside",
)
"""Which files are clips, and what their name says they are."""
