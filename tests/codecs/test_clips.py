"""Any bytes are a clip or refused, and bounds hold before anything is decoded."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.codecs.clip_headers import read_clip_header
from aimass_stream.codecs.clips import decode_clip
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Clip, Limits
from tests.codecs.clip_files import animated, clip
from tests.codecs.image_files import encoded, pixels
from tests.codecs.mutations import mutations

GIF, WEBP = clip(5, 20, 30, 0), clip(5, 20, 30, 0, "WEBP")


def reason(payload: bytes, limits: Limits | None = None) -> Reason:
    with pytest.raises(RecordError) as caught:
        decode_clip(payload, limits or Limits(), 4)
    return caught.value.reason


@pytest.mark.parametrize("payload", [GIF, WEBP], ids=["GIF", "WebP"])
def test_frames_come_in_order_and_evenly(payload: bytes) -> None:
    every = decode_clip(payload, Limits(), 5)
    assert every.shape == (5, 20, 30, 3)
    assert len({frame.tobytes() for frame in every}) == 5
    np.testing.assert_array_equal(decode_clip(payload, Limits(), 3), every[[0, 2, 4]])
    np.testing.assert_array_equal(decode_clip(payload, Limits(), 9)[[0, 8]], every[[0, 4]])


def test_what_moved_stays_where_only_changes_are_stored() -> None:
    frames = [np.zeros((16, 16, 3), np.uint8) for _ in range(6)]
    for at, frame in enumerate(frames):
        frame[: at + 1, 0] = 255
    found = decode_clip(animated(frames), Limits(), 6)
    np.testing.assert_array_equal(found, np.stack(frames))


@pytest.mark.parametrize("payload", [GIF, WEBP], ids=["GIF", "WebP"])
def test_bounds_hold_before_anything_is_decoded(payload: bytes) -> None:
    assert reason(payload, Limits(payload_bytes=len(payload) - 1)) is Reason.TOO_LARGE
    assert reason(payload, Limits(clip_frames=4)) is Reason.TOO_LARGE
    assert reason(payload, Limits(image_pixels=5 * 20 * 30 - 1)) is Reason.TOO_LARGE
    decode_clip(payload, Limits(len(payload), 5 * 20 * 30, 5), 4)
    # Frames that are wanted and not there are made more than once.
    with pytest.raises(RecordError, match="16 frames of") as raised:
        decode_clip(payload, Limits(image_pixels=16 * 20 * 30 - 1), 16)
    assert raised.value.reason is Reason.TOO_LARGE


def test_what_is_no_clip_is_refused() -> None:
    assert reason(b"") is Reason.EMPTY
    assert reason(encoded(pixels(), "PNG")) is Reason.TYPE_MISMATCH
    assert reason(encoded(pixels(), "GIF")) is Reason.TYPE_MISMATCH
    assert reason(encoded(pixels(), "WEBP")) is Reason.TYPE_MISMATCH
    for payload in (GIF, WEBP):
        for length in (13, len(payload) // 2, len(payload) - 1):
            assert reason(payload[:length]) in {Reason.UNDECODABLE, Reason.TYPE_MISMATCH}


def test_a_frame_beyond_the_canvas_is_refused() -> None:
    wide = bytearray(GIF)
    # The canvas is narrowed to 29 pixels; the frames still have 30.
    wide[6:8] = struct.pack("<H", 29)
    assert reason(bytes(wide)) is Reason.UNDECODABLE
    low = bytearray(WEBP)
    low[27:30] = (18).to_bytes(3, "little")
    assert reason(bytes(low)) is Reason.UNDECODABLE


def test_the_header_says_what_there_is() -> None:
    assert read_clip_header(GIF) == ("GIF", 30, 20, (4,) * 5)
    assert read_clip_header(WEBP) == ("WEBP", 30, 20, (40,) * 5)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_frames_that_were_made_one_count_for_as_many_as_they_were(kind: str) -> None:
    shades = [0, 0, 0, 100, 200, 200]
    payload = animated([np.full((8, 8, 3), shade, np.uint8) for shade in shades], kind)
    assert read_clip_header(payload).frames == 3
    found = decode_clip(payload, Limits(), 6)
    assert found.mean(axis=(1, 2, 3)).tolist() == shades


@given(st.one_of(st.binary(max_size=80), mutations([GIF, WEBP]).flatmap(st.sampled_from)))
def test_any_bytes_are_a_clip_or_refused(payload: bytes) -> None:
    with suppress(RecordError):
        frames = decode_clip(payload, Limits(image_pixels=100_000), 3)
        assert frames.shape[0] == 3
        assert frames.dtype == np.uint8


def test_the_envelope_tells_clips_from_others() -> None:
    for payload, kind in ((GIF, "image/gif"), (WEBP, "image/webp")):
        value, headers = Clip.encode_raw(payload)
        record = Clip("clips", 0, 0, 0, None, value, tuple(headers))
        record.check(Limits())
        assert record.content_type == kind
    with pytest.raises(RecordError, match="MP4 is not accepted; send GIF or WebP"):
        Clip("clips", 0, 0, 0, None, b"\0\0\0\x18ftypisom", ()).check(Limits())


def test_examples_decode() -> None:
    for example in Clip.examples(12):
        record = Clip("clips", 0, 0, 0, example.key, example.value, tuple(example.headers))
        record.check(Limits())
        frames = decode_clip(record.bytes, Limits(), 8)
        assert frames.shape == (8, 24, 24, 3)
        assert (frames[0] != frames[7]).any()
