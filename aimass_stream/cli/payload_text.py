"""Files inside records in a few words: what their headers say, and how large they are."""

from __future__ import annotations

from aimass_stream.cli.units import size_text
from aimass_stream.codecs.audio_headers import read_header as read_audio_header
from aimass_stream.codecs.image_headers import read_header as read_image_header
from aimass_stream.errors import RecordError
from aimass_stream.records import Audio, Image

_NAMES = {"audio/ogg": "Ogg"}
_CHANNELS = {1: "mono", 2: "stereo"}


def payload_text(value: bytes) -> str:
    """An image or audio file summed up, e.g. `PNG 32x32, 2.1 kB`; empty for anything else."""
    kind = Image.sniff(value) or Audio.sniff(value)
    if kind is None:
        return ""
    modality, _, format_name = kind.partition("/")
    name = _NAMES.get(kind) or format_name.upper()
    try:
        about = _image(value) if modality == "image" else _audio(value)
    except RecordError:
        about = "damaged"
    return f"{name} {about}, {size_text(len(value))}"


def _image(value: bytes) -> str:
    header = read_image_header(value)
    return f"{header.width}x{header.height}"


def _audio(value: bytes) -> str:
    header = read_audio_header(value)
    length = f"{header.seconds:.1f} s" if header.frames else "? s"
    channels = _CHANNELS.get(header.channels) or f"{header.channels} channels"
    return f"{length} {header.rate_hz} Hz {channels}"
