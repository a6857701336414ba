"""The two JSON forms of a binary payload: base64 in the record, or a claim check.

Shared by every record type whose payload is bytes. The bounds hold before anything grows: the
value's length and the number of JSON values before it is parsed, the length of the base64
before it is decoded.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import orjson

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.claim import Claim
from aimass_stream.records.json_object import check_depth
from aimass_stream.records.limits import Limits

METADATA_BYTES = 64 * 1024
"""Bytes an envelope may have beside its payload."""
METADATA_VALUES = 4096
"""JSON values an envelope may hold once it is larger than `METADATA_BYTES`."""

_PAYLOAD_FIELDS = ("data", "type")
_CLAIM_FIELDS = ("uri", "sha256", "size", "type")


class Envelope(msgspec.Struct, frozen=True):
    """A JSON envelope that was accepted; it has a payload or a claim, never both.

    Attributes:
        type: the declared content type; None when the envelope does not say.
        payload: the decoded bytes; None for a claim check.
        claim: where the payload lies; None when it is in the record.
        metadata: every other field. A name written twice counts with its last value.
    """

    type: str | None
    payload: bytes | None
    claim: Claim | None
    metadata: dict[str, Any]


class _PayloadForm(msgspec.Struct):
    data: str
    type: str | None = None


class _ClaimForm(msgspec.Struct):
    uri: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    size: Annotated[int, msgspec.Meta(ge=0)]
    type: str


_FormT = TypeVar("_FormT", _PayloadForm, _ClaimForm)


def read_envelope(value: bytes, limits: Limits) -> Envelope:
    """Parse the value of a record as a JSON envelope.

    Base64 is the standard alphabet with padding and no line breaks. What stands in `metadata`
    is any JSON.

    Raises:
        RecordError: EMPTY, TOO_LARGE or BAD_ENVELOPE; the detail names fields, never values.
    """
    _check_bounds(value, limits)
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise RecordError(
            Reason.BAD_ENVELOPE, f"the value is not valid JSON (character {error.pos})"
        ) from None
    if not isinstance(fields, dict):
        raise RecordError(Reason.BAD_ENVELOPE, "the JSON value is not an object")
    check_depth(fields)
    if ("data" in fields) == ("uri" in fields):
        raise RecordError(
            Reason.BAD_ENVELOPE, "the JSON object needs either `data` (base64) or `uri` (a claim)"
        )
    if "uri" in fields:
        return _claim_envelope(value, fields, limits)
    return _payload_envelope(value, fields, limits)


def write_payload(payload: bytes, content_type: str, metadata: Mapping[str, Any]) -> bytes:
    """The JSON form that carries its payload as base64.

    Raises:
        ValueError: a name in `metadata` is one of the envelope's own, or a value is no JSON.
    """
    data = binascii.b2a_base64(payload, newline=False).decode("ascii")
    return _dump({"data": data, "type": content_type}, metadata)


def write_claim(claim: Claim, metadata: Mapping[str, Any]) -> bytes:
    """The JSON form that says where its payload lies.

    Raises:
        ValueError: a name in `metadata` is one of the envelope's own, or a value is no JSON.
    """
    return _dump(msgspec.structs.asdict(claim), metadata)


def _dump(own: dict[str, Any], metadata: Mapping[str, Any]) -> bytes:
    taken = {*_PAYLOAD_FIELDS, *_CLAIM_FIELDS} & metadata.keys()
    if taken:
        raise ValueError(
            f"metadata may not be named {', '.join(sorted(taken))}: the envelope uses that itself"
        )
    try:
        return orjson.dumps({**own, **metadata})
    except orjson.JSONEncodeError as error:
        raise ValueError(f"metadata cannot be written as JSON: {error}") from error


def _check_bounds(value: bytes, limits: Limits) -> None:
    if len(value) <= METADATA_BYTES:
        return
    if len(value) > _base64_length(limits.payload_bytes) + METADATA_BYTES:
        raise _too_large(limits)
    # Base64 holds none of these, so counting them bounds what the parser may build.
    if value.count(b",") + value.count(b"[") + value.count(b"{") > METADATA_VALUES:
        raise RecordError(
            Reason.TOO_LARGE, f"the JSON object holds more than {METADATA_VALUES} values"
        )


def _payload_envelope(value: bytes, fields: dict[str, Any], limits: Limits) -> Envelope:
    form = _convert(fields, _PayloadForm)
    if len(form.data) > _base64_length(limits.payload_bytes):
        raise _too_large(limits)
    _check_metadata_bytes(value, form.data)
    try:
        payload = binascii.a2b_base64(form.data, strict_mode=True)
    except ValueError:
        raise RecordError(Reason.BAD_ENVELOPE, "`data` is not valid base64") from None
    if not payload:
        raise RecordError(Reason.EMPTY, "`data` is empty")
    if len(payload) > limits.payload_bytes:
        raise _too_large(limits)
    return Envelope(form.type, payload, None, _others(fields, _PAYLOAD_FIELDS))


def _claim_envelope(value: bytes, fields: dict[str, Any], limits: Limits) -> Envelope:
    form = _convert(fields, _ClaimForm)
    _check_metadata_bytes(value, "")
    if not form.uri.isprintable():
        raise RecordError(Reason.BAD_ENVELOPE, "`uri` holds characters that cannot be printed")
    if form.size == 0:
        raise RecordError(Reason.EMPTY, "the claim's payload has no bytes")
    if form.size > limits.payload_bytes:
        raise _too_large(limits)
    claim = Claim(form.uri, form.sha256, form.size, form.type)
    return Envelope(form.type, None, claim, _others(fields, _CLAIM_FIELDS))


def _convert(fields: dict[str, Any], form: type[_FormT]) -> _FormT:
    try:
        return msgspec.convert(fields, form)
    except msgspec.ValidationError as error:
        raise RecordError(Reason.BAD_ENVELOPE, f"the JSON object: {error}") from None


def _others(fields: dict[str, Any], own: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in own}


def _check_metadata_bytes(value: bytes, data: str) -> None:
    rest = len(value) - len(data)
    # Some writers escape every slash of base64; those backslashes are no metadata.
    if rest > METADATA_BYTES and rest - value.count(b"\\/") > METADATA_BYTES:
        raise RecordError(Reason.TOO_LARGE, f"the metadata is larger than {METADATA_BYTES} bytes")


def _base64_length(payload_bytes: int) -> int:
    return (payload_bytes + 2) // 3 * 4


def _too_large(limits: Limits) -> RecordError:
    return RecordError(
        Reason.TOO_LARGE, f"the payload is larger than the limit of {limits.payload_bytes} bytes"
    )
