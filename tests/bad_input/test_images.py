"""The catalogue for images: from the record to pixels, with the limits a model has by itself."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from functools import cache, partial

import numpy as np
import orjson
import pytest
from PIL import Image as Pillow

from aimass_stream.codecs.image_headers import MAX_SCANS, MAX_SEGMENTS, read_header
from aimass_stream.codecs.images import Pixels, decode_image
from aimass_stream.errors import Reason
from aimass_stream.records import Image, Limits
from tests.bad_input.cases import Case, Headers, assert_outcome, names
from tests.codecs.image_files import chunk, encoded, pixels, png, segment

LIMITS = Limits()
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
GREY = (9, 9, 9)


def read(value: bytes | None, headers: Headers) -> Pixels:
    """As the worker and then the device process do."""
    record = Image("images", 0, 7, 0, b"key", value, headers)
    record.check(LIMITS)
    return decode_image(record.bytes, LIMITS)


def shape(*expected: int) -> partial[bool]:
    return partial(has_shape, expected)


def has_shape(expected: tuple[int, ...], found: Pixels) -> bool:
    return found.shape == expected


def same(found: Pixels) -> bool:
    """The picture that most cases spoil."""
    return bool((found == pixels()).all())


def alike(found: Pixels) -> bool:
    """The same picture, as a JPEG keeps it."""
    return found.shape == (20, 30, 3) and np.abs(found.astype(int) - pixels()).mean() < 30


def rows() -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in pixels())


def jpeg(size: tuple[int, int] = (30, 20), mode: str = "RGB", **options: object) -> bytes:
    return encoded(Pillow.new(mode, size), "JPEG", **options)


def smooth() -> bytes:
    return encoded(pixels(), "JPEG", quality=95, subsampling=0)


def behind_start(body: bytes, marker: int = 0xE1) -> bytes:
    """A JPEG with another segment as its first."""
    plain = smooth()
    return plain[:2] + segment(marker, body) + plain[2:]


def with_frame_size(width: int, height: int) -> bytes:
    """A small JPEG whose frame header claims another size."""
    payload = bytearray(smooth())
    frame = payload.index(b"\xff\xc0")
    payload[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(payload)


def two_frames() -> bytes:
    plain = smooth()
    frame = plain.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", plain, frame + 2)
    return plain[:frame] + plain[frame : frame + 2 + length] + plain[frame:]


def scans(more: int) -> bytes:
    """A progressive JPEG whose last scan comes that many times more."""
    plain = jpeg(progressive=True)
    scan = plain.rindex(b"\xff\xda")
    return plain[:-2] + plain[scan:-2] * more + b"\xff\xd9"


def resized(payload: bytes, width: int, height: int) -> bytes:
    """A progressive JPEG whose frame header claims another size."""
    changed = bytearray(payload)
    frame = changed.index(b"\xff\xc2")
    changed[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(changed)


def wide_scans() -> bytes:
    """Four full components of a size at which these weigh too much."""
    return resized(jpeg(mode="CMYK", progressive=True), 7000, 7000)


def ycck() -> bytes:
    """A CMYK file that says its colours are stored as YCCK."""
    plain = jpeg(mode="CMYK")
    return plain[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\2") + plain[2:]


def turned(orientation: int) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return encoded(pixels(), "PNG", exif=exif)


def is_turned(orientation: int, found: Pixels) -> bool:
    expected = [pixels(), pixels()[:, ::-1], pixels()[::-1, ::-1], pixels()[::-1]]
    expected += [array.swapaxes(0, 1) for array in expected]
    # 6 is a quarter to the right, 8 to the left; 5 and 7 mirror as well.
    order = [0, 1, 2, 3, 4, 7, 6, 5]
    return np.array_equal(found, expected[order[orientation - 1]])


def animated(kind: str) -> bytes:
    frames = [Pillow.fromarray(pixels()), Pillow.new("RGB", (30, 20))]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def changed_checksum() -> bytes:
    payload = bytearray(encoded(pixels(), "PNG"))
    payload[payload.index(b"IDAT") + 20] ^= 0x10
    return bytes(payload)


def half_pixels(kind: str) -> bytes:
    payload = encoded(pixels(200, 200), kind)
    return payload[: len(payload) // 2]


@cache
def bomb() -> bytes:
    """50 MB in 50 kB."""
    return zlib.compress(bytes(50_000_000), 1)


def inner_bomb() -> bytes:
    return png(30, 20, rows(), extra=chunk(b"zTXt", b"note\0\0" + bomb()))


def profile_bomb() -> bytes:
    return png(30, 20, rows(), extra=chunk(b"iCCP", b"p\0\0" + bomb()))


def wide_grey() -> bytes:
    return encoded(np.full((5, 7), 0x1234, np.uint16), "PNG")


def in_json(payload: bytes) -> bytes:
    return orjson.dumps({"data": base64.b64encode(payload).decode()})


def gif_bomb() -> bytes:
    """A GIF that says it is 65,535 pixels wide and high."""
    return b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(40)


def ico() -> bytes:
    return b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0\xff\xff\xff\x7f\x16\0\0\0" + PNG_MAGIC


BROKEN_EXIF = {
    "EXIF of no bytes": b"",
    "EXIF that points outside": b"II*\0\xff\xff\xff\xff",
    "EXIF with entries missing": b"MM\0*\0\0\0\x08\xff\xff",
    "EXIF with rotation 99": b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0",
    "EXIF with a text as rotation": b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x99\0\0\0\x06\0\0\0",
    "EXIF of junk": b"junk" * 50,
}

CASES = [
    # -- more than a record may cost
    Case("PNG of 65,000 x 65,000", lambda: png(65_000, 65_000, bytes(200_000)), Reason.TOO_LARGE),
    Case("JPEG of 65,500 x 65,500", lambda: with_frame_size(65_500, 65_500), Reason.TOO_LARGE),
    Case("PNG of one row of 60 million", lambda: png(60_000_000, 1, b"\0"), Reason.TOO_LARGE),
    Case("JPEG of 100 scans more", lambda: scans(MAX_SCANS), Reason.TOO_LARGE),
    Case("JPEG of 40 scans of 36 Mpx", lambda: resized(scans(30), 6000, 6000), Reason.TOO_LARGE),
    Case("progressive CMYK of 49 Mpx", wide_scans, Reason.TOO_LARGE),
    Case(
        "JPEG of 20,001 segments",
        lambda: b"\xff\xd8" + segment(0xFE, b"") * (MAX_SEGMENTS + 1),
        Reason.TOO_LARGE,
    ),
    Case(
        "PNG of 20,001 chunks",
        lambda: PNG_MAGIC + chunk(b"teXt", b"") * (MAX_SEGMENTS + 1),
        Reason.TOO_LARGE,
    ),
    Case("image of 21 MB", lambda: smooth() + bytes(21_000_000), Reason.TOO_LARGE),
    Case("PNG with a zTXt bomb", inner_bomb, "the text is never expanded", holds=same),
    Case("PNG with an iCCP bomb", profile_bomb, "the profile is never expanded", holds=same),
    # -- damaged
    Case("truncated JPEG", lambda: half_pixels("JPEG"), Reason.UNDECODABLE),
    Case("truncated PNG", lambda: half_pixels("PNG"), Reason.UNDECODABLE),
    Case("PNG without its end", lambda: encoded(pixels(), "PNG")[:-12], Reason.UNDECODABLE),
    Case("PNG with rows missing", lambda: png(30, 20, rows()[:-91]), Reason.UNDECODABLE),
    Case("PNG with a byte missing", lambda: png(30, 20, rows()[:-1]), Reason.UNDECODABLE),
    Case("PNG that differs from its checksum", changed_checksum, Reason.UNDECODABLE),
    Case("PNG of no width", lambda: png(0, 5, b""), Reason.UNDECODABLE),
    Case("PNG of colour type 5", lambda: png(2, 1, bytes(9), colour=5), Reason.UNDECODABLE),
    Case(
        "PNG with an unknown critical chunk",
        lambda: png(30, 20, rows(), extra=chunk(b"ABCD", b"")),
        Reason.UNDECODABLE,
    ),
    Case("JPEG of no height", lambda: with_frame_size(30, 0), Reason.UNDECODABLE),
    Case("JPEG of two frame headers", two_frames, Reason.UNDECODABLE),
    Case("JPEG magic alone", lambda: b"\xff\xd8\xff", Reason.UNDECODABLE),
    Case("PNG magic alone", lambda: PNG_MAGIC, Reason.UNDECODABLE),
    # -- other formats
    Case("GIF", lambda: encoded(pixels(), "GIF"), Reason.TYPE_MISMATCH),
    Case("animated GIF", lambda: animated("GIF"), Reason.TYPE_MISMATCH),
    Case("GIF of 65,535 x 65,535", gif_bomb, Reason.TYPE_MISMATCH),
    Case("WebP", lambda: encoded(pixels(), "WEBP"), Reason.TYPE_MISMATCH),
    Case("animated WebP", lambda: animated("WEBP"), Reason.TYPE_MISMATCH),
    Case("TIFF", lambda: encoded(pixels(), "TIFF"), Reason.TYPE_MISMATCH),
    Case("BMP", lambda: encoded(pixels(), "BMP"), Reason.TYPE_MISMATCH),
    Case("ICO", ico, Reason.TYPE_MISMATCH),
    Case("HEIC", lambda: b"\0\0\0\x20ftypheic" + bytes(40), Reason.TYPE_MISMATCH),
    Case("AVIF", lambda: b"\0\0\0\x20ftypavif" + bytes(40), Reason.TYPE_MISMATCH),
    Case(
        "SVG", lambda: b"<svg><image href='http://169.254.169.254/'/></svg>", Reason.TYPE_MISMATCH
    ),
    Case("SVG behind an XML line", lambda: b"<?xml version='1.0'?><svg/>", Reason.TYPE_MISMATCH),
    Case("EPS", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run", Reason.TYPE_MISMATCH),
    Case("PDF", lambda: b"%PDF-1.7\n", Reason.TYPE_MISMATCH),
    Case("GIF in JSON", lambda: in_json(encoded(pixels(), "GIF")), Reason.TYPE_MISMATCH),
    Case("no image at all", lambda: bytes(100), Reason.BAD_ENVELOPE),
    # -- unusual, but an image
    Case("1 x 1", lambda: encoded(pixels(1, 1), "PNG"), "read", holds=shape(1, 1, 3)),
    Case(
        "65,500 x 1",
        lambda: encoded(Pillow.new("RGB", (65_500, 1), GREY), "PNG"),
        "read",
        holds=shape(1, 65_500, 3),
    ),
    Case("1 x 65,500 as JPEG", lambda: jpeg((1, 65_500)), "read", holds=shape(65_500, 1, 3)),
    Case("CMYK", lambda: jpeg(mode="CMYK"), "converted by the plain formula"),
    Case("YCCK", ycck, "converted by the plain formula", holds=shape(20, 30, 3)),
    Case("16-bit grey", wide_grey, "the high byte", holds=lambda found: (found == 0x12).all()),
    Case(
        "palette with alpha",
        lambda: encoded(
            Pillow.fromarray(pixels()).quantize(8), "PNG", transparency=bytes(range(8))
        ),
        "transparency is dropped",
        holds=shape(20, 30, 3),
    ),
    Case("animated PNG", lambda: animated("PNG"), "its still picture", holds=same),
    Case(
        "PNG with a broken animation",
        lambda: png(30, 20, rows(), extra=chunk(b"acTL", b"\0\0")),
        "its still picture",
        holds=same,
    ),
    Case(
        "JPEG of several pictures",
        lambda: behind_start(b"MPF\0II*\0\x08\0\0\0\xff\xff", 0xE2) + jpeg(),
        "its first picture",
        holds=alike,
    ),
    *[
        Case(
            f"EXIF rotation {orientation}",
            partial(turned, orientation),
            "applied once",
            holds=partial(is_turned, orientation),
        )
        for orientation in range(1, 9)
    ],
    *[
        Case(name, partial(behind_start, b"Exif\0\0" + block), "the EXIF is ignored", holds=alike)
        for name, block in BROKEN_EXIF.items()
    ],
    Case(
        "junk as colour profile, JPEG",
        lambda: behind_start(b"ICC_PROFILE\0\1\1" + b"junk" * 99, 0xE2),
        "the profile is ignored",
        holds=alike,
    ),
    Case(
        "junk as colour profile, PNG",
        lambda: encoded(pixels(), "PNG", icc_profile=b"junk" * 99),
        "the profile is ignored",
        holds=same,
    ),
    # -- two things at once
    Case(
        "PNG and ZIP",
        lambda: png(30, 20, rows()) + b"PK\x03\x04<script>",
        "what follows the image is ignored",
        holds=same,
    ),
    Case(
        "JPEG and script",
        lambda: behind_start(b"*/=1;alert(1)/*", 0xFE) + b"<script>",
        "what is no image is ignored",
        holds=alike,
    ),
    Case("GIF and script", lambda: b"GIF89a=1;alert(1)//", Reason.TYPE_MISMATCH),
]


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_an_image_meets_its_fate(case: Case) -> None:
    assert_outcome(case, read)


def test_the_decoder_is_given_nothing_that_expands() -> None:
    for payload in (inner_bomb(), profile_bomb()):
        kept = read_header(payload).pixels
        assert b"zTXt" not in kept
        assert b"iCCP" not in kept


def test_a_jpeg_is_decoded_whole_or_not_at_all() -> None:
    """Whoever sets LOAD_TRUNCATED_IMAGES has grey halves answered as if they were pictures."""
    from PIL import ImageFile

    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    file = io.BytesIO(half_pixels("JPEG"))
    with Pillow.open(file) as image, pytest.raises(OSError, match="truncated"):
        image.load()
