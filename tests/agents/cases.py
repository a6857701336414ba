"""Records for the reference application, whole and broken, and what must become of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

from aimass_stream.cli.demo.images import huge_png
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.errors import Reason
from aimass_stream.records import Claim, identity
from aimass_stream.records.image import JPEG, PNG, encode_claim, encode_json, encode_raw, sniff
from aimass_stream.training.digits import digit_images

Message = tuple[bytes, list[tuple[str, bytes]]]

DIGITS = 24
"""Clean digits that are sent raw; JPEG and PNG are among them."""
CHAIN_ROOT = "somewhere.else/3/1234"


@dataclass(frozen=True, slots=True)
class Case:
    """A record and its fate.

    Attributes:
        fate: `answered`, `quiet` or `dead_lettered`.
        reason: of the dead letter.
        label: the right label, where there is one.
    """

    name: str
    value: bytes | None
    headers: list[tuple[str, bytes]]
    fate: str = "answered"
    reason: str = ""
    label: str = ""

    @property
    def key(self) -> bytes:
        """The record's key."""
        return f"key of {self.name}".encode()


def make_cases(allowed: Path, forbidden: Path) -> list[Case]:
    """Every form of an image, and one of each kind of bad record.

    Args:
        allowed: a folder that claims may point into.
        forbidden: one beside it that they may not.
    """
    digits = list(islice(digit_images("stream", noise=0, seed=11), DIGITS))
    files = {sniff(file): file for file, _ in digits}
    broken = [
        Case(name, *message, "dead_lettered", reason)
        for name, reason, message in _broken(files[JPEG], files[PNG], allowed, forbidden)
    ]
    return [*_whole(digits, allowed), *broken, Case("tombstone", None, [], "quiet")]


def _whole(digits: list[tuple[bytes, str]], allowed: Path) -> Iterator[Case]:
    for number, (file, label) in enumerate(digits):
        yield Case(f"raw {number}", *encode_raw(file), label=label)
    file, label = digits[0]
    yield Case("undeclared", file, [], label=label)
    yield Case("json", *encode_json(file, {"camera": 7}), label=label)
    claim = PayloadStore(allowed).put(file, sniff(file) or "")
    yield Case("claim", *encode_claim(claim), label=label)
    chained = [(identity.ROOT, CHAIN_ROOT.encode()), (identity.ID, b"its own")]
    yield Case("chained", file, chained, label=label)


def _broken(
    jpeg: bytes, png: bytes, allowed: Path, forbidden: Path
) -> Iterator[tuple[str, Reason, Message]]:
    yield "empty", Reason.EMPTY, (b"", [])
    yield "no image", Reason.BAD_ENVELOPE, (b"this is no image", [("meta-user", b"u1")])
    yield "truncated jpeg", Reason.UNDECODABLE, encode_raw(jpeg[: len(jpeg) // 2])
    yield "truncated png", Reason.UNDECODABLE, encode_raw(png[: len(png) // 2])
    yield "pixel bomb", Reason.TOO_LARGE, (huge_png(), [])
    yield "mislabelled", Reason.TYPE_MISMATCH, (jpeg, [("content-type", PNG.encode())])
    stored = PayloadStore(forbidden).put(jpeg, JPEG)
    yield "claim outside", Reason.CLAIM_REFUSED, encode_claim(stored)
    around = f"{allowed.as_uri()}/../{forbidden.name}/{stored.sha256[:2]}/{stored.sha256}"
    yield "claim around", Reason.CLAIM_REFUSED, _claim(jpeg, around, jpeg)
    file = allowed / "digit.jpg"
    file.write_bytes(jpeg)
    other = bytes(reversed(jpeg))
    yield "claim of other bytes", Reason.CLAIM_BROKEN, _claim(other, file.as_uri(), jpeg)
    missing = (allowed / "missing.jpg").as_uri()
    yield "claim of nothing", Reason.CLAIM_BROKEN, _claim(jpeg, missing, jpeg)


def _claim(hashed: bytes, uri: str, payload: bytes) -> Message:
    digest = sha256(hashed).hexdigest()
    return encode_claim(Claim(uri, digest, len(payload), JPEG))
