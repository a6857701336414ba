"""Answers too large for a message: files in the payload store, and what they are.

The file is there before the answer that refers to it, under its checksum, so that the same
answer given twice is one file.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from aimass_stream.records.claim import Claim

Safety = Literal["safe", "unsafe", "unchecked"]
"""What a safety checker says of an image; `unchecked` where there is none."""


class Speech(msgspec.Struct, frozen=True):
    """A text as it is spoken.

    Attributes:
        audio: a WAV file: mono, 16 bits.
        rate_hz: its samples a second.
        duration_s: how long it is.
    """

    audio: Claim
    rate_hz: int
    duration_s: float


class Picture(msgspec.Struct, frozen=True):
    """An image that a model made.

    Attributes:
        image: a PNG file: RGB, 8 bits a channel.
        width: in pixels.
        height: in pixels.
    """

    image: Claim
    width: int
    height: int


class Drawing(msgspec.Struct, frozen=True):
    """An image that a model drew.

    Attributes:
        image: a PNG file: RGB, 8 bits a channel.
        width: in pixels.
        height: in pixels.
        seed: of what was drawn at random, made of the record's id: the same after a retry.
        safety: what the safety checker that the model brings says of it; `unsafe` images are
            black.
    """

    image: Claim
    width: int
    height: int
    seed: int
    safety: Safety


class Depth(msgspec.Struct, frozen=True):
    """How far away what an image shows is.

    Attributes:
        map: a PNG file of the image's size: grey, 16 bits; 0 stands for `least`, 65535 for `most`,
            and what lies between for what lies between.
        width: of the image as it was sent and is seen, in pixels.
        height: likewise.
        least: the smallest value of any pixel.
        median: half of the pixels have a smaller one.
        most: the largest value of any pixel.
        unit: `metre`, where larger is farther; or `relative`, where the numbers order the pixels
            of one image and mean nothing across images. Of most relative models larger is nearer.
    """

    map: Claim
    width: int
    height: int
    least: float
    median: float
    most: float
    unit: Literal["metre", "relative"]


class VisualAnomaly(msgspec.Struct, frozen=True):
    """How unlike the normal images of its kind an image is, and where.

    Attributes:
        map: a PNG file of the image's size: grey, 16 bits; 0 stands for 0, 65535 for `score`, and
            what lies between for what lies between.
        width: of the image as it was sent and is seen, in pixels.
        height: likewise.
        score: how far its most unusual patch lies from the nearest patch of a normal image, in
            the units of the network's features; 0 is a patch that was seen before.
        threshold: the score from which on it is an anomaly.
        is_anomaly: whether it is one.
        peak: column and row of the most unusual pixel.
    """

    map: Claim
    width: int
    height: int
    score: float
    threshold: float
    is_anomaly: bool
    peak: tuple[int, int]
