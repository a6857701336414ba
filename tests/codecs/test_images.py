"""The image decoder: the right pixels, or a reason; never anything else, whatever the bytes."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from aimass_stream.codecs.images import decode_image, decode_picture, decode_transparent
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Limits
from tests.codecs.image_files import chunk, encoded, pixels, png
from tests.codecs.mutations import mutations

LIMITS = Limits(payload_bytes=2_000_000, image_pixels=1_000_000)


def opened(payload: bytes) -> np.ndarray:
    """What transformers' own loading makes of a file."""
    with Image.open(io.BytesIO(payload)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def refusal(payload: bytes, limits: Limits = LIMITS) -> RecordError:
    with pytest.raises(RecordError) as caught:
        decode_image(payload, limits)
    assert "\n" not in caught.value.detail
    return caught.value


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(Image.fromarray(pixels()), id="RGB"),
        pytest.param(Image.fromarray(pixels(channels=1)), id="grey"),
        pytest.param(Image.fromarray(pixels(1, 1)), id="1x1"),
        pytest.param(Image.fromarray(pixels(1, 3000)), id="one row"),
        pytest.param(Image.fromarray(pixels(3, 50)), id="three rows"),
    ],
)
def test_pixels_are_those_pillow_gives(kind: str, source: Image.Image) -> None:
    payload = encoded(source, kind)
    found = decode_image(payload, LIMITS)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, opened(payload))
    np.testing.assert_array_equal(decode_picture(payload, LIMITS), found)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(encoded(pixels(), "JPEG", progressive=True), id="progressive"),
        pytest.param(encoded(Image.fromarray(pixels()).convert("CMYK"), "JPEG"), id="CMYK"),
        pytest.param(encoded(pixels(), "JPEG", subsampling=0), id="4:4:4"),
        pytest.param(encoded(Image.fromarray(pixels()).convert("1"), "PNG"), id="1 bit"),
        pytest.param(encoded(Image.fromarray(pixels()).quantize(13), "PNG"), id="palette"),
        pytest.param(encoded(Image.fromarray(pixels(), "RGB").convert("RGBA"), "PNG"), id="RGBA"),
        pytest.param(encoded(Image.fromarray(pixels()).convert("LA"), "PNG"), id="grey and alpha"),
        pytest.param(encoded(pixels(), "JPEG", dpi=(72, 72), comment=b"hi"), id="comment"),
        pytest.param(encoded(pixels(), "JPEG", icc_profile=b"junk" * 99), id="junk profile, JPEG"),
        pytest.param(encoded(pixels(), "PNG", icc_profile=b"junk" * 99), id="junk profile, PNG"),
    ],
)
def test_every_kind_of_colour_becomes_rgb_as_pillow_converts_it(payload: bytes) -> None:
    np.testing.assert_array_equal(decode_image(payload, LIMITS), opened(payload))
    picture = decode_picture(payload, LIMITS)
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(picture, opened(payload))


def test_transparency_is_dropped_and_colours_stay() -> None:
    rgba = pixels(channels=4)
    np.testing.assert_array_equal(decode_image(encoded(rgba, "PNG"), LIMITS), rgba[:, :, :3])
    palette = Image.fromarray(pixels()).quantize(16)
    found = decode_image(encoded(palette, "PNG", transparency=bytes(range(16))), LIMITS)
    np.testing.assert_array_equal(found, np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_holes_are_where_a_file_is_transparent(mode: str) -> None:
    alpha = np.full((4, 6), 200, np.uint8)
    alpha[1, :3] = 127
    source = Image.fromarray(np.dstack([pixels(4, 6), alpha]))
    payload = encoded(source.convert(mode), "PNG")
    found, holes = decode_transparent(payload, LIMITS)
    np.testing.assert_array_equal(found, decode_image(payload, LIMITS))
    np.testing.assert_array_equal(holes, alpha == 127)


def test_holes_turn_with_their_image_and_a_jpeg_has_none() -> None:
    alpha = np.full((4, 6), 255, np.uint8)
    alpha[0, 0] = 0
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(Image.fromarray(np.dstack([pixels(4, 6), alpha])), "PNG", exif=exif)
    found, holes = decode_transparent(turned, LIMITS)
    assert holes.shape == found.shape[:2] == (6, 4)
    assert holes[0, 3]
    assert holes.sum() == 1
    assert not decode_transparent(encoded(pixels(4, 6), "JPEG"), LIMITS)[1].any()


def test_holes_keep_within_the_limits_of_images() -> None:
    with pytest.raises(RecordError) as caught:
        decode_transparent(encoded(pixels(40, 60), "PNG"), Limits(image_pixels=100))
    assert caught.value.reason is Reason.TOO_LARGE


def test_sixteen_bits_keep_their_high_byte() -> None:
    wide = np.random.default_rng(1).integers(0, 2**16, (5, 7), np.uint16)
    found = decode_image(encoded(wide, "PNG"), LIMITS)
    np.testing.assert_array_equal(found, np.repeat((wide >> 8)[:, :, np.newaxis], 3, axis=2))
    np.testing.assert_array_equal(decode_picture(encoded(wide, "PNG"), LIMITS), found)
    colour = np.random.default_rng(2).integers(0, 2**16, (5, 7, 3), np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colour)
    found = decode_image(png(7, 5, rows, depth=16), LIMITS)
    np.testing.assert_array_equal(found, colour >> 8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_rotation_is_applied_once(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    payload = encoded(pixels(), kind, exif=exif)
    found = decode_image(payload, LIMITS)
    assert found.shape == ((20, 30, 3) if orientation < 5 else (30, 20, 3))
    np.testing.assert_array_equal(found, opened(payload))
    np.testing.assert_array_equal(decode_picture(payload, LIMITS), found)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (8, 8), (30, 21)])
@pytest.mark.parametrize(("depth", "colour", "channels"), [(8, 2, 3), (1, 0, 1), (8, 4, 2)])
def test_interlaced_png_needs_all_its_rows(
    size: tuple[int, int], depth: int, colour: int, channels: int
) -> None:
    width, height = size
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
    steps += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for left, top, across, down in steps:
        columns = len(range(left, width, across))
        row = b"\0" + b"\0" * ((columns * channels * depth + 7) // 8)
        rows += row * (len(range(top, height, down)) if columns else 0)
    whole = png(width, height, rows, depth=depth, colour=colour, interlaced=True)
    assert decode_image(whole, LIMITS).shape == (height, width, 3)
    cut = png(width, height, rows[:-1], depth=depth, colour=colour, interlaced=True)
    assert refusal(cut).reason is Reason.UNDECODABLE


def test_memoryview_is_decoded_as_bytes_are() -> None:
    payload = encoded(pixels(), "JPEG")
    view = memoryview(b"xx" + payload)[2:]
    np.testing.assert_array_equal(decode_image(view, LIMITS), decode_image(payload, LIMITS))


def test_scaled_decoding_keeps_both_edges() -> None:
    payload = encoded(Image.linear_gradient("L").resize((600, 400)).convert("RGB"), "JPEG")
    small = decode_image(payload, LIMITS, at_least=64)
    assert small.shape == (100, 150, 3)
    whole = Image.fromarray(decode_image(payload, LIMITS)).resize((150, 100), Image.Resampling.BOX)
    assert np.abs(small.astype(int) - np.asarray(whole)).mean() < 3
    assert decode_image(payload, LIMITS, at_least=401).shape == (400, 600, 3)


def test_threads_decode_as_one_does() -> None:
    payloads = [encoded(pixels(40 + n, 60), "JPEG" if n % 2 else "PNG") for n in range(20)]
    alone = [decode_image(payload, LIMITS) for payload in payloads]
    gate = threading.Barrier(4)

    def run(_: int) -> list[np.ndarray]:
        gate.wait()
        return [decode_image(payload, LIMITS) for payload in payloads]

    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(run, range(4)):
            for one, other in zip(alone, found, strict=True):
                np.testing.assert_array_equal(one, other)


SEEDS = [
    encoded(pixels(), "JPEG"),
    encoded(pixels(), "JPEG", progressive=True),
    encoded(pixels(), "PNG"),
    encoded(Image.fromarray(pixels()).quantize(9), "PNG"),
]


def decodes_or_refuses(payload: bytes) -> None:
    with suppress(RecordError):
        found = decode_image(payload, LIMITS)
        assert found.dtype == np.uint8
        assert found.ndim == 3
        assert found.shape[2] == 3
        assert found.size <= 3 * LIMITS.image_pixels
        np.testing.assert_array_equal(found, decode_image(payload, LIMITS))


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_what_is_written_without_loss_is_read_back(
    size: tuple[int, int], grey: bool, seed: int
) -> None:
    shape = size if grey else (*size, 3)
    written = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    found = decode_image(encoded(written, "PNG"), LIMITS)
    expected = np.stack([written] * 3, axis=2) if grey else written
    np.testing.assert_array_equal(found, expected)


@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"]),
    st.binary(max_size=200),
)
def test_any_bytes_decode_or_are_refused(start: bytes, rest: bytes) -> None:
    decodes_or_refuses(start + rest)


@given(mutations(SEEDS))
def test_any_mutation_decodes_or_is_refused(mutated: tuple[bytes, bytes]) -> None:
    changed, cut = mutated
    decodes_or_refuses(changed)
    decodes_or_refuses(cut)


@given(st.data())
def test_png_with_valid_checksums_around_anything_decodes_or_is_refused(
    data: st.DataObject,
) -> None:
    width, height = data.draw(st.integers(0, 40)), data.draw(st.integers(0, 40))
    depth, colour = data.draw(st.sampled_from([1, 2, 4, 8, 16])), data.draw(st.integers(0, 7))
    rows = data.draw(st.binary(max_size=400))
    kind = data.draw(
        st.sampled_from([b"PLTE", b"tRNS", b"IDAT", b"IHDR", b"IEND", b"eXIf", b"fcTL"])
    )
    extra = chunk(kind, data.draw(st.binary(max_size=60)))
    decodes_or_refuses(png(width, height, rows, depth=depth, colour=colour, extra=extra))
