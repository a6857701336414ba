"""What a WAV, FLAC or Ogg file says about itself, read before a single sample is decoded.

`read_header` walks the chunks, blocks or pages of a file, takes length, rate and channels, and
drops what is not needed for samples where that can be cut out: lists, pictures, comments,
broadcast data. The decoder never sees them. It decodes nothing itself.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from aimass_stream.errors import Reason, RecordError

Format = Literal["WAV", "FLAC", "Ogg"]

MAX_PARTS = 20_000
"""Chunks (WAV), blocks (FLAC) or pages (Ogg) of a file; far above what encoders write."""

_WAV_MAGICS = (b"RIFF", b"RF64")
_FLAC_MAGIC = b"fLaC"
_OGG_MAGIC = b"OggS"
_STREAMINFO_BYTES = 34
_PAGE_BYTES = 27
_NO_GRANULE = 2**64 - 1
_EXTENSIBLE = 0xFFFE
# The rest of the identifier in an extensible format, whose first two bytes are a plain tag.
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_PCM = {8: "PCM_U8", 16: "PCM_16", 24: "PCM_24", 32: "PCM_32"}
_ENCODINGS = {1: _PCM, 3: {32: "FLOAT", 64: "DOUBLE"}, 6: {8: "ALAW"}, 7: {8: "ULAW"}}
_WHOLE = 0xFFFFFFFF
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class AudioHeader:
    """A file's header, and the file without what no decoder needs.

    Attributes:
        format: the container.
        encoding: of the samples: libsndfile's name of it in WAV, else `FLAC`, `VORBIS`, `OPUS`.
        rate_hz: frames a second.
        channels: samples of a frame.
        frames: how many there are; 0 where a FLAC or Ogg file does not say.
        samples: WAV: the samples alone, as stored; else what the decoder is given.
        lead: what the decoder is given before `samples`.
    """

    format: Format
    encoding: str
    rate_hz: int
    channels: int
    frames: int
    samples: memoryview
    lead: bytes = b""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.rate_hz


def read_header(payload: bytes | memoryview) -> AudioHeader:
    """Read the header of a WAV, FLAC or Ogg file; other formats are refused.

    Every part up to the end of the samples is looked for, so a file that ends early is found.
    FLAC frames are not looked at, and Ogg pages not compared with their checksums: see
    `check_pages`.

    Raises:
        RecordError: EMPTY (no bytes, no samples), TYPE_MISMATCH (another format, or samples in
            an encoding that is not accepted), UNDECODABLE (a damaged or truncated file), or
            TOO_LARGE (too many parts).
    """
    view = memoryview(payload)
    if not view:
        raise RecordError(Reason.EMPTY, "the audio has no bytes")
    magic = bytes(view[:12])
    try:
        if magic[:4] in _WAV_MAGICS and magic[8:] == b"WAVE":
            header = _wav(view)
        elif magic[:4] == _FLAC_MAGIC:
            header = _flac(view)
        elif magic[:4] == _OGG_MAGIC:
            header = _ogg(view)
        else:
            raise RecordError(Reason.TYPE_MISMATCH, "the bytes are neither WAV, FLAC nor Ogg")
    except (struct.error, IndexError):
        raise _damaged("it ends within its header") from None
    if header.channels == 0 or header.rate_hz == 0:
        raise _damaged("it has no channels or no rate")
    return header


def length_s(payload: bytes) -> float:
    """Seconds of audio by its header, for planning; 0 where it cannot be told."""
    try:
        return read_header(payload).seconds
    except RecordError:
        return 0.0


def check_pages(header: AudioHeader) -> None:
    """Refuse an Ogg file with a page that differs from its checksum.

    Decoders skip such a page and go on, so that a gap would be answered as if it were heard.

    Raises:
        RecordError: UNDECODABLE.
    """
    view = header.samples
    for _, start, end in _pages(view):
        (told,) = struct.unpack_from("<I", view, start + 22)
        page = b"".join((view[start : start + 22], b"\0\0\0\0", view[start + 26 : end]))
        # Ogg's checksum is zlib's with the bits of each byte reversed and nothing inverted.
        found = zlib.crc32(page.translate(_REVERSED), _WHOLE) ^ _WHOLE
        if int(f"{found:032b}"[::-1], 2) != told:
            raise _damaged("a page differs from its checksum")


def _damaged(why: str) -> RecordError:
    return RecordError(Reason.UNDECODABLE, f"the audio is damaged: {why}")


def _too_many(what: str) -> RecordError:
    return RecordError(Reason.TOO_LARGE, f"the audio has more than {MAX_PARTS} {what}")


def _wav(view: memoryview) -> AudioHeader:
    form = data = None
    for kind, start, end in _wav_chunks(view):
        if kind == b"fmt ":
            form = _wav_format(view[start:end])
        elif kind == b"data":
            data = view[start:end]
    if form is None or data is None:
        raise _damaged("it has no format or no data chunk")
    encoding, rate_hz, channels, frame_bytes = form
    return AudioHeader("WAV", encoding, rate_hz, channels, len(data) // frame_bytes, data)


def _wav_chunks(view: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk's body up to the samples, and these."""
    at, long_bytes = 12, None
    for _ in range(MAX_PARTS):
        kind, length = struct.unpack_from("<4sI", view, at)
        start = at + 8
        if kind == b"ds64":
            (long_bytes,) = struct.unpack_from("<Q", view, start + 8)
        if kind == b"data" and length == _WHOLE and long_bytes is not None:
            length = long_bytes
        if start + length > len(view):
            raise _damaged("a chunk is longer than the file")
        yield kind, start, start + length
        if kind == b"data":
            return
        at = start + length + length % 2
        if at >= len(view):
            return
    raise _too_many("chunks")


def _wav_format(body: memoryview) -> tuple[str, int, int, int]:
    """Encoding, rate, channels and bytes a frame."""
    tag, channels, rate_hz, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE:
        (tag,) = struct.unpack_from("<H", body, 24)
        if bytes(body[26:40]) != _GUID_TAIL:
            raise RecordError(Reason.TYPE_MISMATCH, "the encoding inside WAV is not known")
    if tag not in _ENCODINGS:
        raise RecordError(
            Reason.TYPE_MISMATCH,
            f"the encoding {tag:#06x} inside WAV is not accepted; send PCM, float, A-law or u-law",
        )
    # 12 or 20 bits lie left-justified in 16 or 24, and are read as these.
    stored = -(-bits // 8) * 8
    encoding = _ENCODINGS[tag].get(stored)
    if encoding is None:
        raise _damaged(f"samples of {bits} bits cannot be read")
    if channels == 0 or frame_bytes != channels * stored // 8:
        raise _damaged("its frames are not as long as its samples together")
    return encoding, rate_hz, channels, frame_bytes


def _flac(view: memoryview) -> AudioHeader:
    info = b""
    at, last = len(_FLAC_MAGIC), False
    for _ in range(MAX_PARTS):
        (word,) = struct.unpack_from(">I", view, at)
        last, kind, length = bool(word >> 31), word >> 24 & 0x7F, word & 0xFFFFFF
        end = at + 4 + length
        if end > len(view):
            raise _damaged("a block is longer than the file")
        if not info:
            if kind or length != _STREAMINFO_BYTES:
                raise _damaged("it does not begin with its stream information")
            info = bytes(view[at + 4 : end])
        at = end
        if last:
            break
    if not last:
        raise _too_many("blocks")
    (packed,) = struct.unpack_from(">Q", info, 10)
    rate_hz, channels, frames = packed >> 44, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1
    lead = struct.pack(">4sI", _FLAC_MAGIC, 1 << 31 | _STREAMINFO_BYTES) + info
    return AudioHeader("FLAC", "FLAC", rate_hz, channels, frames, view[at:], lead)


def _ogg(view: memoryview) -> AudioHeader:
    pages = _pages(view)
    _, start, end = next(pages)
    first = bytes(view[start + _PAGE_BYTES + view[start + 26] : end])
    encoding, rate_hz, channels, skipped = _ogg_codec(first)
    stream, granules, position = bytes(view[start + 14 : start + 18]), 0, start
    for granule, position, _ in pages:
        if bytes(view[position + 14 : position + 18]) != stream:
            raise _damaged("it holds several streams")
        if granule != _NO_GRANULE:
            granules = granule
    if not view[position + 5] & 4:
        raise _damaged("its end is missing")
    # Opus counts at 48 kHz, whatever rate it was made at.
    clock_hz = 48_000 if encoding == "OPUS" else rate_hz
    frames = max(0, granules - skipped) * rate_hz // max(clock_hz, 1)
    return AudioHeader("Ogg", encoding, rate_hz, channels, frames, view)


def _ogg_codec(packet: bytes) -> tuple[str, int, int, int]:
    """Encoding, rate, channels, and the granules that are not heard."""
    if packet.startswith(b"\x01vorbis"):
        channels, rate_hz = struct.unpack_from("<BI", packet, 11)
        return "VORBIS", rate_hz, channels, 0
    if packet.startswith(b"OpusHead"):
        channels, skipped, rate_hz = struct.unpack_from("<BHI", packet, 9)
        return "OPUS", rate_hz or 48_000, channels, skipped
    raise RecordError(Reason.TYPE_MISMATCH, "Ogg is accepted with Vorbis or Opus inside only")


def _pages(view: memoryview) -> Iterator[tuple[int, int, int]]:
    """Granule position, start and end of each page."""
    at = 0
    for _ in range(MAX_PARTS):
        magic, version, _, granule = struct.unpack_from("<4sBBQ", view, at)
        body = at + _PAGE_BYTES + view[at + 26]
        end = body + sum(view[at + _PAGE_BYTES : body])
        if magic != _OGG_MAGIC or version or body > len(view) or end > len(view):
            raise _damaged("a page is cut off or not where it must be")
        yield granule, at, end
        at = end
        if at == len(view):
            return
    raise _too_many("pages")
