"""Bounds on what a record may make the engine hold, checked before anything is expanded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one record.

    Attributes:
        payload_bytes: bytes of the payload, as sent and after base64.
        image_pixels: width times height, read from the image's own header.
        text_bytes: bytes of a text, in UTF-8.
    """

    payload_bytes: int = 20 * 1024 * 1024
    image_pixels: int = 50_000_000
    text_bytes: int = 64 * 1024
