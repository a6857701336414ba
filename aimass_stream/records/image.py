"""An image on a topic, in three forms, and the functions that write them.

* raw: the value is a JPEG or PNG file; headers may declare `content-type`.
* JSON: `{"data": "<base64>", "type": "image/png", ...metadata}`.
* claim check: `{"uri": ..., "sha256": ..., "size": ..., "type": "image/jpeg", ...metadata}`;
  the engine fetches the payload and attaches it.

Whoever produces decides the form, record by record. In every form a header `meta-<name>` is
metadata too, as text; a JSON field of the same name wins. Only the envelope is looked at here:
no pixel is decoded, and no image library imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.chunk import Headers, Record
from aimass_stream.records.claim import Claim
from aimass_stream.records.envelope import Envelope, read_envelope, write_claim, write_payload
from aimass_stream.records.limits import Limits

JPEG = "image/jpeg"
"""Content type of the first accepted format."""
PNG = "image/png"
"""Content type of the second."""

METADATA_PREFIX = "meta-"
"""A header whose name begins so is metadata, under the rest of its name."""

_CONTENT_TYPE = ("content-type", "Content-Type")
_JPEG_MAGIC = b"\xff\xd8\xff"
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_TYPES = {JPEG: JPEG, "image/jpg": JPEG, "image/pjpeg": JPEG, PNG: PNG, "image/x-png": PNG}
_JSON = "application/json"
_UNDECLARED = "application/octet-stream"
_FOREIGN = (
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (4, b"ftyp", "HEIC or AVIF"),
    (0, b"\x00\x00\x01\x00", "ICO"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"<", "SVG or other XML"),
)


class Image(Record):
    """An image record; its properties hold once `check` has accepted it."""

    __slots__ = ("_content_type", "_envelope", "_fetched")

    _content_type: str
    _envelope: Envelope | None
    _fetched: bytes | None

    def check(self, limits: Limits) -> None:
        """Accept one of the three forms whose bytes are what they are declared to be.

        Raises:
            RecordError: EMPTY (also for a tombstone), TOO_LARGE, BAD_ENVELOPE (none of the
                three forms), or TYPE_MISMATCH (not JPEG or PNG, or not what was declared).
        """
        value = self.value
        if not value:
            what = "a tombstone" if value is None else "empty"
            raise RecordError(Reason.EMPTY, f"the value is {what}")
        found = sniff(value)
        if found is None:
            self._open_json(value, limits)
            return
        if len(value) > limits.payload_bytes:
            raise RecordError(
                Reason.TOO_LARGE,
                f"{len(value)} bytes are more than the limit of {limits.payload_bytes}",
            )
        if self.headers:
            _match(_declared(self.headers), found)
        self._content_type = found
        self._envelope = None

    def _open_json(self, value: bytes, limits: Limits) -> None:
        if not value[:64].lstrip().startswith(b"{"):
            raise _no_image(value)
        declared = _declared(self.headers)
        if declared not in (None, _JSON):
            raise RecordError(
                Reason.TYPE_MISMATCH, "the header declares an image, the value is JSON"
            )
        envelope = read_envelope(value, limits)
        if envelope.payload is None:
            found = _TYPES.get(_plain(envelope.type or ""))
            if found is None:
                raise RecordError(Reason.TYPE_MISMATCH, "a claim's type must be JPEG or PNG")
        else:
            found = sniff(envelope.payload)
            if found is None:
                raise _no_image(envelope.payload)
            _match(None if envelope.type is None else _plain(envelope.type), found)
        self._content_type = found
        self._envelope = envelope
        self._fetched = None

    @property
    def content_type(self) -> str:
        """`image/jpeg` or `image/png`: what the bytes are, or what a claim says they are."""
        return self._content_type

    @property
    def metadata(self) -> dict[str, Any]:
        """Everything the producer sent beside the image; a copy.

        Text from `meta-*` headers (bytes that are no UTF-8 are replaced), any JSON from the
        other fields of an envelope.
        """
        start = len(METADATA_PREFIX)
        found: dict[str, Any] = {
            name[start:]: value.decode(errors="replace")
            for name, value in self.headers
            if name.startswith(METADATA_PREFIX)
        }
        if self._envelope is not None:
            found.update(self._envelope.metadata)
        return found

    @property
    def claim(self) -> Claim | None:
        """Where the payload lies when it is not in the record."""
        return None if self._envelope is None else self._envelope.claim

    def attach(self, payload: bytes) -> None:
        """Take the payload that was fetched, and verified, for this record's claim.

        Raises:
            RecordError: TYPE_MISMATCH; the bytes are not of the type the claim declares.
            TypeError: the record has no claim.
        """
        if self.claim is None:
            super().attach(payload)
        _match(self._content_type, sniff(payload))
        self._fetched = payload

    @property
    def bytes(self) -> bytes:
        """The image file. For a claim check what was attached.

        Raises:
            LookupError: the claim's payload has not been attached.
        """
        envelope = self._envelope
        if envelope is None:
            return self.value or b""
        if envelope.payload is not None:
            return envelope.payload
        if self._fetched is None:
            raise LookupError(f"{self.source}: the payload of this claim has not been fetched")
        return self._fetched


def sniff(payload: bytes) -> str | None:
    """The content type the first bytes stand for; None when it is none that is accepted."""
    if payload.startswith(_JPEG_MAGIC):
        return JPEG
    if payload.startswith(_PNG_MAGIC):
        return PNG
    return None


def encode_raw(
    payload: bytes, metadata: Mapping[str, str] | None = None
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers of an image in its raw form, the cheapest to read.

    Args:
        payload: a JPEG or PNG file.
        metadata: goes into `meta-*` headers and comes back as text.

    Raises:
        ValueError: the payload is neither JPEG nor PNG.
    """
    headers = [("content-type", _require(payload).encode())]
    headers += [(METADATA_PREFIX + name, text.encode()) for name, text in (metadata or {}).items()]
    return payload, headers


def encode_json(
    payload: bytes, metadata: Mapping[str, Any] | None = None
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers of an image as base64 in JSON, for producers that only write JSON.

    Args:
        payload: a JPEG or PNG file; it grows by a third.
        metadata: any JSON, beside the envelope's own fields.

    Raises:
        ValueError: the payload is neither JPEG nor PNG, or the metadata does not fit.
    """
    value = write_payload(payload, _require(payload), metadata or {})
    return value, [("content-type", _JSON.encode())]


def encode_claim(
    claim: Claim, metadata: Mapping[str, Any] | None = None
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers of an image that lies in a payload store.

    Args:
        claim: as the store returned it.
        metadata: any JSON, beside the envelope's own fields.

    Raises:
        ValueError: the claim is of no image, or the metadata does not fit.
    """
    if claim.type not in _TYPES:
        raise ValueError(f"a claim of type {claim.type!r} is no image: JPEG or PNG is accepted")
    return write_claim(claim, metadata or {}), [("content-type", _JSON.encode())]


def _require(payload: bytes) -> str:
    found = sniff(payload)
    if found is None:
        raise ValueError("the payload is neither a JPEG nor a PNG file")
    return found


def _plain(content_type: str) -> str:
    """The type without its parameters, as it is compared."""
    return content_type.partition(";")[0].strip().lower()


def _declared(headers: Headers) -> str | None:
    """The content type the headers declare; None when they leave it open."""
    for name, value in headers:
        if name in _CONTENT_TYPE:
            declared = _plain(value.decode(errors="replace"))
            return None if declared == _UNDECLARED else declared
    return None


def _match(declared: str | None, found: str | None) -> None:
    if declared is not None and _TYPES.get(declared) != found:
        raise RecordError(Reason.TYPE_MISMATCH, "the bytes are not of the declared content type")


def _no_image(payload: bytes) -> RecordError:
    for start, magic, name in _FOREIGN:
        if payload.startswith(magic, start):
            return RecordError(Reason.TYPE_MISMATCH, f"{name} is not accepted; send JPEG or PNG")
    return RecordError(
        Reason.BAD_ENVELOPE, "the value is neither a JPEG or PNG file nor a JSON object"
    )
