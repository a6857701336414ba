"""The demo's stream: digit pictures with known labels, noise, and some that are broken.

Nothing here is shared with what answers: labels travel in no record, and the broken ones are
broken in ways that the engine's checks know nothing of.
"""

from __future__ import annotations

import asyncio
import random
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.kafka.sender import Place, Sender
from aimass_stream.records.image import encode_claim, encode_json, encode_raw
from aimass_stream.training.digits import digit_images

Message = tuple[bytes, list[tuple[str, bytes]]]

BROKEN_SHARE = 0.02
JSON_SHARE = 0.10
CLAIM_SHARE = 0.05
USERS = 500
KEPT_PICTURES = 1_000
"""How many pictures are kept for the baseline, which need not see them all."""


@dataclass(slots=True)
class Truth:
    """What was sent and what the right answers are.

    Attributes:
        labels: the right label of every whole picture, by partition and offset.
        broken: how each broken record is broken.
        pictures: some of the whole pictures, for a baseline to look at.
    """

    labels: dict[Place, str] = field(default_factory=dict)
    broken: dict[Place, str] = field(default_factory=dict)
    pictures: dict[Place, bytes] = field(default_factory=dict)


class Stream:
    """Sends pictures at a steady rate and remembers what they are.

    Args:
        sender: where to.
        topic: the topic of images.
        payloads: keeps the pictures that are sent as claim checks.
        seed: of everything that is drawn.
    """

    def __init__(self, sender: Sender, topic: str, payloads: PayloadStore, seed: int) -> None:
        self._sender = sender
        self._topic = topic
        self._payloads = payloads
        self._draw = random.Random(seed)  # noqa: S311 - noise, no secret
        self._pictures = digit_images("stream", seed=seed)
        self.truth = Truth()
        self.sent = 0

    async def send_first(self) -> None:
        """Send one record, to see the path open."""
        await self._send_one()

    async def run(self, rate: float, seconds: float, stopped: asyncio.Event) -> None:
        """Send `rate` records a second for `seconds`, or until stopped.

        The schedule is absolute, so a slow moment is made up for.
        """
        start, before = time.monotonic(), self.sent
        while not stopped.is_set() and (elapsed := time.monotonic() - start) < seconds:
            due = before + int(elapsed * rate) + 1
            while self.sent < due and not stopped.is_set():
                await self._send_one()
            await asyncio.sleep(1 / rate)

    async def _send_one(self) -> None:
        picture, label = next(self._pictures)
        key = f"user-{self._draw.randrange(USERS)}".encode()
        kind = None
        if self._draw.random() < BROKEN_SHARE:
            kind, (value, headers) = self._broken(picture)
        else:
            value, headers = self._whole(picture)
        future = await self._sender.send(self._topic, value, key=key, headers=headers)
        self.sent += 1
        future.add_done_callback(self._remember(label, kind, picture))

    def _remember(
        self, label: str, kind: str | None, picture: bytes
    ) -> Callable[[asyncio.Future[Place]], None]:
        def note(sent: asyncio.Future[Place]) -> None:
            if sent.cancelled():
                return
            place = sent.result()
            if kind is not None:
                self.truth.broken[place] = kind
                return
            self.truth.labels[place] = label
            if len(self.truth.pictures) < KEPT_PICTURES:
                self.truth.pictures[place] = picture

        return note

    def _whole(self, picture: bytes) -> Message:
        draw = self._draw.random()
        if draw < JSON_SHARE:
            return encode_json(picture)
        if draw < JSON_SHARE + CLAIM_SHARE:
            kind = "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"
            return encode_claim(self._payloads.put(picture, kind))
        return encode_raw(picture)

    def _broken(self, picture: bytes) -> tuple[str, Message]:
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
