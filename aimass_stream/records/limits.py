"""Bounds on what a record may make the engine hold, checked before anything is expanded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one record.

    Attributes:
        payload_bytes: bytes of the payload, as sent and after base64.
        image_pixels: width times height, read from the image's own header; of a clip, of all its
            frames together.
        clip_frames: frames of a clip.
        audio_seconds: how long audio may be, by its header and as decoded.
        audio_channels: how many channels audio may have.
        event_bytes: bytes of a value that is one small JSON object, e.g. a behaviour event.
        text_bytes: bytes of a text, in UTF-8.
    """

    payload_bytes: int = 20 * 1024 * 1024
    image_pixels: int = 50_000_000
    clip_frames: int = 1_000
    audio_seconds: float = 600.0
    audio_channels: int = 8
    event_bytes: int = 16 * 1024
    text_bytes: int = 64 * 1024
