"""A claim check: where a payload lies that is not in its record."""

from __future__ import annotations

import msgspec


class Claim(msgspec.Struct, frozen=True):
    """Where a payload lies, and what it must turn out to be.

    Attributes:
        uri: an fsspec URI, e.g. `file:///data/cat.jpg`; it must begin with an allowed prefix.
        sha256: hex digest of the payload's bytes.
        size: length of the payload in bytes.
        type: content type, e.g. `image/jpeg`.
    """

    uri: str
    sha256: str
    size: int
    type: str
