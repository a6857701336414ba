"""A text on a topic, in two forms, and the function that writes them.

* raw: the value is the text, in UTF-8.
* JSON: `{"text": "...", ...metadata}`.

Which of the two it is, the `content-type` header decides: `text/plain` is raw, whatever the
text looks like; `application/json` is JSON. Without the header (or with
`application/octet-stream`) a value whose first character is `{` is JSON, any other is raw. A
value never counts as the other form because it fails as one. In both forms a header
`meta-<name>` is metadata too, as text; a JSON field of the same name wins.

What is accepted is kept as it was sent, a byte order mark before a raw text excepted: control
characters, zero-width and direction marks, any normal form, any number of combining marks. A
model's adapter takes control characters for spaces; places in an answer count the characters of
the text as it is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records.chunk import Record
from aimass_stream.records.envelope import METADATA_BYTES
from aimass_stream.records.example import Example, draw_of, draw_text, draw_user
from aimass_stream.records.json_object import CONTENT_TYPE, METADATA_PREFIX, read_object
from aimass_stream.records.limits import Limits

_PLAIN, _JSON, _UNDECLARED = "text/plain", "application/json", "application/octet-stream"
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii"})
_BOM = "\ufeff"
# A byte of text takes up to six in JSON: a control character is written as \u0001.
_ESCAPE_BYTES = 6
_ZERO_WIDTH = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_BLANK = "".join(map(chr, (*range(0x21), *range(0x7F, 0xA1)))) + _ZERO_WIDTH


class Text(Record):
    """A text record; its properties hold once `check` has accepted it."""

    __slots__ = ("_fields", "_text")

    _fields: dict[str, Any] | None
    _text: str

    @classmethod
    def examples(cls, count: int, seed: int = 0) -> list[Example]:
        """Sentences, not all in ASCII: most raw, every fourth in JSON with metadata."""
        draw = draw_of(seed, "text")
        found: list[Example] = []
        for number in range(count):
            text, user = draw_text(draw, number), draw_user(draw)
            metadata = {"channel": draw.choice(("mail", "chat"))} if draw.random() < 0.25 else None
            value, headers = encode_text(text, metadata)
            found.append(Example(value, user.encode(), headers))
        return found

    def check(self, limits: Limits) -> None:
        """Accept one of the two forms, with at least one visible character.

        Raises:
            RecordError: EMPTY (also for a tombstone, and for nothing but white space, control
                and zero-width characters), TOO_LARGE, UNDECODABLE (a raw text that is not
                UTF-8), BAD_ENVELOPE (JSON that is none, or has no `text` that is a string), or
                TYPE_MISMATCH (another type or charset is declared).
        """
        value = self.value
        if not value:
            what = "a tombstone" if value is None else "empty"
            raise RecordError(Reason.EMPTY, f"the value is {what}")
        declared = self._declared()
        if declared == _JSON or (declared is None and value[:64].lstrip()[:1] == b"{"):
            self._open_json(value, limits, declared)
        else:
            self._open_raw(value, limits)
        if not self._text.strip().strip(_BLANK):
            raise RecordError(Reason.EMPTY, "the text has no visible character")

    def _open_raw(self, value: bytes, limits: Limits) -> None:
        _check_size(len(value), limits)
        try:
            self._text = value.decode().removeprefix(_BOM)
        except UnicodeDecodeError as error:
            raise RecordError(
                Reason.UNDECODABLE, f"the text is not UTF-8 (byte {error.start})"
            ) from None
        self._fields = None

    def _open_json(self, value: bytes, limits: Limits, declared: str | None) -> None:
        try:
            fields = read_object(value, _ESCAPE_BYTES * limits.text_bytes + METADATA_BYTES)
        except RecordError as error:
            if declared is None and error.reason is Reason.BAD_ENVELOPE:
                detail = f"{error.detail}; declare content-type text/plain if it is a text"
                raise RecordError(error.reason, detail) from None
            raise
        text = fields.pop("text", None)
        if not isinstance(text, str):
            raise RecordError(
                Reason.BAD_ENVELOPE, "the JSON object needs a field `text` that is a string"
            )
        # Nothing takes more than four bytes a character, so most texts need not be encoded here.
        if 4 * len(text) > limits.text_bytes:
            _check_size(len(text.encode()), limits)
        if fields and len(value) > METADATA_BYTES and len(orjson.dumps(fields)) > METADATA_BYTES:
            raise RecordError(
                Reason.TOO_LARGE, f"the metadata is larger than {METADATA_BYTES} bytes"
            )
        self._text = text
        self._fields = fields

    def _declared(self) -> str | None:
        """`text/plain`, `application/json`, or None where the headers leave it open."""
        for name, value in self.headers:
            if name in CONTENT_TYPE:
                declared, _, parameters = value.decode(errors="replace").lower().partition(";")
                declared = declared.strip()
                if declared in {"", _UNDECLARED}:
                    return None
                if declared not in {_PLAIN, _JSON} or _charset(parameters) not in _CHARSETS:
                    raise RecordError(
                        Reason.TYPE_MISMATCH,
                        "the header declares neither text/plain in UTF-8 nor application/json",
                    )
                return declared
        return None

    @property
    def text(self) -> str:
        """The text."""
        return self._text

    @property
    def metadata(self) -> dict[str, Any]:
        """Everything the producer sent beside the text; a copy.

        Text from `meta-*` headers (bytes that are no UTF-8 are replaced), any JSON from the
        other fields of an object.
        """
        start = len(METADATA_PREFIX)
        found: dict[str, Any] = {
            name[start:]: value.decode(errors="replace")
            for name, value in self.headers
            if name.startswith(METADATA_PREFIX)
        }
        if self._fields is not None:
            found.update(self._fields)
        return found

    @property
    def bytes(self) -> bytes:
        """The text in UTF-8."""
        return self._text.encode()


def encode_text(
    text: str, metadata: Mapping[str, Any] | None = None
) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers of a text: raw without metadata, else JSON.

    Args:
        text: with at least one visible character.
        metadata: any JSON, under names other than `text`.

    Raises:
        ValueError: the text is blank or holds half a surrogate pair, or the metadata does not
            fit.
    """
    if not text.strip().strip(_BLANK):
        raise ValueError("the text has no visible character")
    if metadata and "text" in metadata:
        raise ValueError("metadata may not use the name 'text'")
    if not metadata:
        return text.encode(), [("content-type", _PLAIN.encode())]
    try:
        value = orjson.dumps({"text": text, **metadata})
    except orjson.JSONEncodeError as error:
        raise ValueError(f"text or metadata cannot be written as JSON: {error}") from error
    return value, [("content-type", _JSON.encode())]


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.text_bytes:
        raise RecordError(
            Reason.TOO_LARGE, f"{size} bytes of text are more than the limit of {limits.text_bytes}"
        )


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"')
    return ""
