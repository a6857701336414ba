"""A record whose payload is a file: three forms on a topic, and the functions that write them.

* raw: the value is the file; headers may declare `content-type`.
* JSON: `{"data": "<base64>", "type": "image/png", ...metadata}`.
* claim check: `{"uri": ..., "sha256": ..., "size": ..., "type": "image/png", ...metadata}`;
  the engine fetches the payload and attaches it.

Whoever produces decides the form, record by record. In every form a header `meta-<name>` is
metadata too, as text; a JSON field of the same name wins. Only the envelope and the first bytes
of a file are looked at here; what the files are, a record type says in tables.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, ClassVar

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.chunk import Headers, Record
from aimass_stream.records.claim import Claim
from aimass_stream.records.envelope import Envelope, read_envelope, write_claim, write_payload
from aimass_stream.records.example import Example, draw_of, draw_user
from aimass_stream.records.json_object import CONTENT_TYPE, METADATA_PREFIX
from aimass_stream.records.limits import Limits

Magic = tuple[tuple[int, bytes], ...]
"""Bytes that a file must have, each at its place."""
Written = tuple[bytes, list[tuple[str, bytes]]]
"""Value and headers of a record to be."""

_JSON = "application/json"
_UNDECLARED = ("", "application/octet-stream")


class PayloadRecord(Record):
    """A record that carries a file; its properties hold once `check` has accepted it.

    A record type derives from this, fills the tables, and draws a payload for examples.

    Attributes:
        kind: what a payload is, with its article, for messages: `an image`.
        formats: the accepted formats, for messages: `JPEG or PNG`.
        magics: how the files of each accepted content type begin.
        types: what may be declared, and the content type it means.
        foreign: how files begin that are no junk but not accepted, and their names.
    """

    __slots__ = ("_content_type", "_envelope", "_fetched")

    kind: ClassVar[str]
    formats: ClassVar[str]
    magics: ClassVar[tuple[tuple[Magic, str], ...]]
    types: ClassVar[Mapping[str, str]]
    foreign: ClassVar[tuple[tuple[Magic, str], ...]]

    _content_type: str
    _envelope: Envelope | None
    _fetched: bytes | None

    def check(self, limits: Limits) -> None:
        """Accept one of the three forms whose bytes are what they are declared to be.

        Raises:
            RecordError: EMPTY (also for a tombstone), TOO_LARGE, BAD_ENVELOPE (none of the
                three forms), or TYPE_MISMATCH (no accepted format, or not what was declared).
        """
        value = self.value
        if not value:
            what = "a tombstone" if value is None else "empty"
            raise RecordError(Reason.EMPTY, f"the value is {what}")
        found = self.sniff(value)
        if found is None:
            self._open_json(value, limits)
            return
        if len(value) > limits.payload_bytes:
            raise RecordError(
                Reason.TOO_LARGE,
                f"{len(value)} bytes are more than the limit of {limits.payload_bytes}",
            )
        if self.headers:
            self._match(_declared(self.headers), found)
        self._content_type = found
        self._envelope = None

    def _open_json(self, value: bytes, limits: Limits) -> None:
        if not value[:64].lstrip().startswith(b"{"):
            raise self._unknown(value)
        declared = _declared(self.headers)
        if declared not in (None, _JSON):
            raise RecordError(
                Reason.TYPE_MISMATCH, f"the header declares {self.kind}, the value is JSON"
            )
        envelope = read_envelope(value, limits)
        if envelope.payload is None:
            found = self.types.get(_plain(envelope.type or ""))
            if found is None:
                raise RecordError(Reason.TYPE_MISMATCH, f"a claim's type must be {self.formats}")
        else:
            found = self.sniff(envelope.payload)
            if found is None:
                raise self._unknown(envelope.payload)
            self._match(None if envelope.type is None else _plain(envelope.type), found)
        self._content_type = found
        self._envelope = envelope
        self._fetched = None

    @property
    def content_type(self) -> str:
        """The plain content type of what the bytes are, or of what a claim says they are."""
        return self._content_type

    @property
    def metadata(self) -> dict[str, Any]:
        """Everything the producer sent beside the payload; a copy.

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
        self._match(self._content_type, self.sniff(payload))
        self._fetched = payload

    @classmethod
    def draw_payload(cls, draw: random.Random) -> bytes:
        """A small file of an accepted format, for `examples`.

        Raises:
            NotImplementedError: the type draws none.
        """
        raise NotImplementedError(
            f"{cls.__name__} has no examples: override `draw_payload` to return a small file"
        )

    @classmethod
    def examples(cls, count: int, seed: int = 0) -> list[Example]:
        """Small files: most raw, every fourth in JSON, and metadata with some of both.

        None is a claim check, since that needs a payload store to lie in.
        """
        draw = draw_of(seed, cls.kind)
        found: list[Example] = []
        for number in range(count):
            payload, user = cls.draw_payload(draw), draw_user(draw)
            metadata = {"camera": f"c{number % 7}"} if draw.random() < 0.5 else {}
            write = cls.encode_json if draw.random() < 0.25 else cls.encode_raw
            value, headers = write(payload, metadata)
            found.append(Example(value, user.encode(), headers))
        return found

    @classmethod
    def sniff(cls, payload: bytes) -> str | None:
        """The content type the first bytes stand for; None when it is none that is accepted."""
        for magic, found in cls.magics:
            if _has(payload, magic):
                return found
        return None

    @classmethod
    def encode_raw(cls, payload: bytes, metadata: Mapping[str, str] | None = None) -> Written:
        """Value and headers of a payload in its raw form, the cheapest to read.

        Args:
            payload: a file of an accepted format.
            metadata: goes into `meta-*` headers and comes back as text.

        Raises:
            ValueError: the payload is of no accepted format.
        """
        headers = [("content-type", cls._require(payload).encode())]
        return payload, headers + metadata_headers(metadata or {})

    @classmethod
    def encode_json(cls, payload: bytes, metadata: Mapping[str, Any] | None = None) -> Written:
        """Value and headers of a payload as base64 in JSON, for producers that only write JSON.

        Args:
            payload: a file of an accepted format; it grows by a third.
            metadata: any JSON, beside the envelope's own fields.

        Raises:
            ValueError: the payload is of no accepted format, or the metadata does not fit.
        """
        value = write_payload(payload, cls._require(payload), metadata or {})
        return value, [("content-type", _JSON.encode())]

    @classmethod
    def encode_claim(cls, claim: Claim, metadata: Mapping[str, Any] | None = None) -> Written:
        """Value and headers of a payload that lies in a payload store.

        Args:
            claim: as the store returned it.
            metadata: any JSON, beside the envelope's own fields.

        Raises:
            ValueError: the claim is of another kind, or the metadata does not fit.
        """
        if claim.type not in cls.types:
            raise ValueError(
                f"a claim of type {claim.type!r} is not {cls.kind}: {cls.formats} is accepted"
            )
        return write_claim(claim, metadata or {}), [("content-type", _JSON.encode())]

    @classmethod
    def _require(cls, payload: bytes) -> str:
        found = cls.sniff(payload)
        if found is None:
            raise ValueError(f"the payload is no {cls.formats} file")
        return found

    @classmethod
    def _match(cls, declared: str | None, found: str | None) -> None:
        if declared is not None and cls.types.get(declared) != found:
            raise RecordError(
                Reason.TYPE_MISMATCH, "the bytes are not of the declared content type"
            )

    @classmethod
    def _unknown(cls, payload: bytes) -> RecordError:
        for magic, name in cls.foreign:
            if _has(payload, magic):
                return RecordError(
                    Reason.TYPE_MISMATCH, f"{name} is not accepted; send {cls.formats}"
                )
        return RecordError(
            Reason.BAD_ENVELOPE, f"the value is neither a {cls.formats} file nor a JSON object"
        )

    # The last one: from here on the name means the property, no longer the type.
    @property
    def bytes(self) -> bytes:
        """The file. For a claim check what was attached.

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


def metadata_headers(metadata: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Metadata as the headers it travels in."""
    return [(METADATA_PREFIX + name, text.encode()) for name, text in metadata.items()]


def _has(payload: bytes, magic: Magic) -> bool:
    return all(payload.startswith(part, at) for at, part in magic)


def _plain(content_type: str) -> str:
    """The type without its parameters, as it is compared."""
    return content_type.partition(";")[0].strip().lower()


def _declared(headers: Headers) -> str | None:
    """The content type the headers declare; None when they leave it open."""
    for name, value in headers:
        if name in CONTENT_TYPE:
            declared = _plain(value.decode(errors="replace"))
            return None if declared in _UNDECLARED else declared
    return None
