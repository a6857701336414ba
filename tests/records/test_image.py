"""The image envelope: three forms accepted, everything else refused with one stable reason."""

import base64
import io
from collections.abc import Callable
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Claim, Image, Limits, Record
from aimass_stream.records.image import encode_claim, encode_json, encode_raw

LIMITS = Limits(payload_bytes=200_000)
CLAIM = Claim("file:///data/cat.jpg", "a" * 64, 1234, "image/jpeg")


def picture(kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (4, 3), (200, 10, 10)).save(file, kind)
    return file.getvalue()


def record(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> Image:
    return Image("images", 0, 7, 0, b"key", value, headers)


def checked(written: tuple[bytes, list[tuple[str, bytes]]], limits: Limits = LIMITS) -> Image:
    found = record(written[0], tuple(written[1]))
    found.check(limits)
    return found


def refusal(
    value: bytes | None, headers: tuple[tuple[str, bytes], ...] = (), limits: Limits = LIMITS
) -> RecordError:
    with pytest.raises(RecordError) as caught:
        record(value, headers).check(limits)
    assert "\n" not in caught.value.detail
    return caught.value


def envelope(**fields: object) -> bytes:
    return orjson.dumps(fields)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_raw_form_gives_back_what_was_encoded(kind: str) -> None:
    image = checked(encode_raw(picture(kind), {"user": "u1", "place": "Köln"}))
    assert image.bytes == picture(kind)
    assert image.content_type == f"image/{kind.lower()}"
    assert image.metadata == {"user": "u1", "place": "Köln"}
    assert image.claim is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_json_form_gives_back_what_was_encoded(kind: str) -> None:
    image = checked(encode_json(picture(kind), {"user": "u1", "at": {"lat": 50.9}}))
    assert image.bytes == picture(kind)
    assert image.content_type == f"image/{kind.lower()}"
    assert image.metadata == {"user": "u1", "at": {"lat": 50.9}}


def test_claim_form_has_its_payload_once_it_is_attached() -> None:
    image = checked(encode_claim(CLAIM, {"user": "u1"}))
    assert image.claim == CLAIM
    assert image.content_type == "image/jpeg"
    assert image.metadata == {"user": "u1"}
    with pytest.raises(LookupError):
        _ = image.bytes
    image.attach(picture("JPEG"))
    assert image.bytes == picture("JPEG")


def test_attached_bytes_must_be_of_the_claimed_type() -> None:
    image = checked(encode_claim(CLAIM))
    with pytest.raises(RecordError) as caught:
        image.attach(picture("PNG"))
    assert caught.value.reason is Reason.TYPE_MISMATCH


def test_only_a_claim_can_be_attached_to() -> None:
    with pytest.raises(TypeError):
        checked(encode_raw(picture())).attach(picture())
    with pytest.raises(TypeError):
        Record("t", 0, 0, 0, None, b"x", ()).attach(b"y")


def test_json_metadata_wins_over_a_header_of_the_same_name() -> None:
    image = record(
        envelope(data=base64.b64encode(picture()).decode(), user="json"),
        (("meta-user", b"header"), ("meta-bad", b"\xff"), ("other", b"x")),
    )
    image.check(LIMITS)
    assert image.metadata == {"user": "json", "bad": "\N{REPLACEMENT CHARACTER}"}


@pytest.mark.parametrize(
    "declared",
    [b"image/png", b"IMAGE/PNG; charset=binary", b"image/x-png", b"application/octet-stream"],
)
def test_declared_type_is_compared_by_what_it_means(declared: bytes) -> None:
    image = record(picture(), (("content-type", declared),))
    image.check(LIMITS)
    assert image.content_type == "image/png"


B64 = base64.b64encode(picture()).decode()
GOOD_CLAIM = {"uri": CLAIM.uri, "sha256": CLAIM.sha256, "size": 10, "type": "image/png"}


def test_refusal_shows_neither_payload_nor_path() -> None:
    secret = "S3CRET-canary"  # noqa: S105 - a canary
    for value in (
        secret.encode(),
        envelope(data=secret),
        envelope(data=17, note=secret),
        envelope(**{**GOOD_CLAIM, "uri": f"/{secret}\n"}),
        envelope(**{**GOOD_CLAIM, "sha256": secret}),
        envelope(data=B64, type=secret),
        b'{"' + secret.encode(),
    ):
        assert secret not in refusal(value).detail
    assert secret not in refusal(picture(), (("content-type", secret.encode()),)).detail


def test_escaped_slashes_of_base64_are_no_metadata() -> None:
    payload = picture("JPEG") + b"\xff" * 150_000
    value = envelope(data=base64.b64encode(payload).decode()).replace(b"/", b"\\/")
    assert len(value) > 2 * len(payload)
    refused = refusal(value)
    assert refused.reason is Reason.TOO_LARGE
    image = record(value)
    image.check(Limits(payload_bytes=1_000_000))
    assert image.bytes == payload


def test_base64_at_the_limit_is_accepted() -> None:
    payload = picture() + b"\0" * (LIMITS.payload_bytes - len(picture()))
    assert checked(encode_json(payload)).bytes == payload


@pytest.mark.parametrize("write", [encode_raw, encode_json])
def test_encoding_refuses_what_would_be_refused_on_the_topic(
    write: Callable[[bytes], object],
) -> None:
    with pytest.raises(ValueError, match="no JPEG or PNG"):
        write(b"GIF89a")
    with pytest.raises(ValueError, match="not an image"):
        encode_claim(Claim("file:///a", "a" * 64, 1, "audio/wav"))
    with pytest.raises(ValueError, match="data"):
        encode_json(picture(), {"data": "mine"})
    with pytest.raises(ValueError, match="JSON"):
        encode_json(picture(), {"user": object()})


@given(
    st.binary(max_size=200),
    st.dictionaries(st.text("abc", min_size=1, max_size=5), st.integers(0, 9) | st.text("é\0")),
)
def test_what_is_encoded_is_read_back(rest: bytes, metadata: dict[str, object]) -> None:
    payload = picture() + rest
    image = checked(encode_json(payload, metadata))
    assert (image.bytes, image.metadata) == (payload, metadata)
    assert checked(encode_raw(payload)).bytes == payload


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=40).map(lambda end: b"{" + end)))
def test_any_bytes_are_accepted_or_refused_and_nothing_else(value: bytes) -> None:
    with suppress(RecordError):
        record(value).check(LIMITS)


@given(
    st.dictionaries(
        st.sampled_from(["data", "uri", "sha256", "size", "type", "x"]),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.text("abc\u00e9\n", max_size=20)
        | st.lists(st.integers(0, 9), max_size=3)
        | st.sampled_from([B64, CLAIM.uri, CLAIM.sha256, "image/png"]),
    )
)
def test_any_json_object_is_accepted_or_refused_and_nothing_else(fields: dict[str, object]) -> None:
    image = record(orjson.dumps(fields))
    try:
        image.check(LIMITS)
    except RecordError:
        return
    assert isinstance(image.metadata, dict)
    assert image.claim is not None or image.bytes.startswith((b"\xff\xd8\xff", b"\x89PNG"))
