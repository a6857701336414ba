"""Digit pictures with known labels, noise, and some that are broken."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import msgspec

from aimass_stream.cli.demo.acts import Accounts, Act, Item, share_of
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.kafka.sender import Place
from aimass_stream.records import Prediction
from aimass_stream.records.image import encode_claim, encode_json, encode_raw
from aimass_stream.training.digits import NearestMean, digit_images
from aimass_stream.verify.oracle import Watched

Message = tuple[bytes, list[tuple[str, bytes]]]

BROKEN_SHARE = 0.02
JSON_SHARE = 0.10
CLAIM_SHARE = 0.05
USERS = 500
KEPT_PICTURES = 1_000
"""How many pictures are kept for the baseline, which need not see them all."""

_prediction = msgspec.json.Decoder(Prediction)


class Images(Act):
    """Digits as JPEG and PNG: raw, in JSON, or by claim check.

    Args:
        payloads: keeps the pictures that are sent as claim checks.
        seed: of everything that is drawn.
    """

    topic = "images"
    share = 0.25
    watched = (Watched("classify", "images", "predictions.images"),)
    models = MappingProxyType({"digits-resnet": "digits"})

    def __init__(self, payloads: PayloadStore, seed: int) -> None:
        self._payloads = payloads
        self._draw = random.Random(seed)  # noqa: S311 - noise, no secret
        self._pictures = digit_images("stream", seed=seed)
        self._labels: dict[Place, str] = {}
        self._kept: dict[Place, bytes] = {}

    def next(self) -> Item:
        """The next picture."""
        picture, label = next(self._pictures)
        key = f"user-{self._draw.randrange(USERS)}".encode()
        if self._draw.random() < BROKEN_SHARE:
            kind, (value, headers) = self._break(picture)
            return Item(self.topic, key, value, headers, broken=kind)
        value, headers = self._whole(picture)
        return Item(self.topic, key, value, headers, truth=(label, picture))

    def note(self, place: Place, item: Item) -> None:
        """Remember the label."""
        self._labels[place], picture = item.truth
        if len(self._kept) < KEPT_PICTURES:
            self._kept[place] = picture

    def judge(self, accounts: Accounts) -> dict[str, Any]:
        """Accuracy of the model on every picture, of the baseline on those that were kept."""
        account = accounts["classify"]
        answers = {
            place: _prediction.decode(account.answers[place]).label
            for place in self._labels
            if place in account.answers
        }
        kept = [place for place in self._kept if place in answers]
        guesses = NearestMean().predict([self._kept[place] for place in kept]) if kept else []
        right = sum(answers[place] == self._labels[place] for place in answers)
        guessed = sum(guess == self._labels[p] for guess, p in zip(guesses, kept, strict=True))
        return {
            "accuracy": {
                "model": share_of(right, len(answers)),
                "baseline": share_of(guessed, len(kept)),
                "baseline_is": "nearest mean picture",
                "records": len(answers),
            }
        }

    def _whole(self, picture: bytes) -> Message:
        draw = self._draw.random()
        if draw < JSON_SHARE:
            return encode_json(picture)
        if draw < JSON_SHARE + CLAIM_SHARE:
            kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
            return encode_claim(self._payloads.put(picture, kind))
        return encode_raw(picture)

    def _break(self, picture: bytes) -> tuple[str, Message]:
        kind = self._draw.choice(("truncated", "noise", "empty", "huge", "mislabelled", "beheaded"))
        value, headers = encode_raw(picture)
        if kind == "truncated":
            value = picture[: len(picture) // 2]
        elif kind == "noise":
            value = self._draw.randbytes(300)
        elif kind == "empty":
            value = b""
        elif kind == "huge":
            value, headers = huge_png(), []
        elif kind == "mislabelled":
            value, headers = picture, [("content-type", b"image/gif")]
        else:
            value = picture[20:]
        return kind, (value, headers)


def huge_png(edge: int = 50_000) -> bytes:
    """A PNG of a few hundred bytes that claims `edge` x `edge` pixels."""

    def chunks() -> Iterator[bytes]:
        header = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")):
            checksum = struct.pack(">I", zlib.crc32(kind + body))
            yield struct.pack(">I", len(body)) + kind + body + checksum

    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks())
