"""Audio on a topic: a WAV, FLAC or Ogg file, raw, as base64 in JSON, or as a claim check.

Ogg stands for Vorbis or Opus in Ogg. No sample is decoded here, and no audio library imported.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import ClassVar

from aimass_stream.records.example import draw_recording
from aimass_stream.records.payload import PayloadRecord

WAV = "audio/wav"
"""Content type of RIFF/WAVE and of RF64, its form for long recordings."""
FLAC = "audio/flac"
"""Content type of FLAC."""
OGG = "audio/ogg"
"""Content type of Vorbis or Opus in Ogg."""


class Audio(PayloadRecord):
    """An audio record; its properties hold once `check` has accepted it."""

    __slots__ = ()

    kind = "audio"
    formats = "WAV, FLAC or Ogg"
    magics = (
        (((0, b"RIFF"), (8, b"WAVE")), WAV),
        (((0, b"RF64"), (8, b"WAVE")), WAV),
        (((0, b"fLaC"),), FLAC),
        (((0, b"OggS"),), OGG),
    )
    types: ClassVar[Mapping[str, str]] = {
        WAV: WAV,
        "audio/x-wav": WAV,
        "audio/wave": WAV,
        "audio/vnd.wave": WAV,
        FLAC: FLAC,
        "audio/x-flac": FLAC,
        OGG: OGG,
        "application/ogg": OGG,
        "audio/vorbis": OGG,
        "audio/opus": OGG,
    }
    foreign = (
        (((0, b"ID3"),), "MP3, or anything behind an ID3 tag,"),
        (((0, b"\xff\xfb"),), "MP3"),
        (((0, b"\xff\xfa"),), "MP3"),
        (((0, b"\xff\xf3"),), "MP3"),
        (((0, b"\xff\xf2"),), "MP3"),
        (((0, b"\xff\xf1"),), "AAC"),
        (((0, b"\xff\xf9"),), "AAC"),
        (((4, b"ftyp"),), "MP4"),
        (((0, b"FORM"), (8, b"AIF")), "AIFF"),
        (((0, b".snd"),), "AU"),
        (((0, b"caff"),), "CAF"),
        (((0, b"riff\x2e\x91\xcf\x11"),), "Wave64"),
        (((0, b"RIFX"),), "big-endian WAV"),
        (((0, b"RIFF"),), "RIFF other than WAVE"),
        (((0, b"\x1a\x45\xdf\xa3"),), "WebM or Matroska"),
        (((0, b"\x30\x26\xb2\x75"),), "WMA"),
        (((0, b"#!AMR"),), "AMR"),
        (((0, b"MThd"),), "MIDI"),
        (((0, b"wvpk"),), "WavPack"),
    )

    @classmethod
    def draw_payload(cls, draw: random.Random) -> bytes:
        """A short WAV."""
        return draw_recording(draw)


sniff = Audio.sniff
encode_raw = Audio.encode_raw
encode_json = Audio.encode_json
encode_claim = Audio.encode_claim
