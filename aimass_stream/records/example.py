"""Valid records of a type, drawn from a seed: for tests, and for `aimass verify`.

Everything here is built by hand, so that it needs no image, audio or model library, and so
small that thousands are made in a second. What the examples say means nothing: a model answers
them, that is all.
"""

from __future__ import annotations

import math
import random
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

USERS = 40
"""Different keys among examples."""
FIRST_EVENT_MS = 1_767_225_600_000
"""Event time of the first example that has one: 2026-01-01 UTC."""

_PIXELS = 28
_EDGE = 24
_FRAMES = 8
_RATE_HZ = 8_000
_SAMPLES = 2_000
_ITEMS = 200
_SAME_PLACE_DEG = 0.02

_WHO = ("I", "We", "My sister", "A friend of mine", "The whole office", "Jürgen", "小林")
_DID = ("ordered", "returned", "was promised", "is still waiting for", "really likes", "lost")
_WHAT = ("a kettle", "two lamps", "the blue chair", "a train ticket", "three books", "a naïve toy")
_WHEN = ("last Monday", "on 3 May", "an hour ago", "in Zürich", "before the holidays", "twice")
_TAIL = ("Please help.", "Thank you!", "When will it arrive?", "That cost 49.90 €.", "Never again.")


class Example(NamedTuple):
    """A record to be.

    Attributes:
        value: the value's bytes.
        key: the key's bytes.
        headers: names and values.
    """

    value: bytes
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def draw_of(seed: int, kind: str) -> random.Random:
    """The draw for one kind of examples; other kinds with the same seed draw otherwise."""
    return random.Random(f"{kind} {seed}")  # noqa: S311 - examples, no secret


def draw_user(draw: random.Random) -> str:
    """A user's id, one of `USERS`."""
    return f"user-{draw.randrange(USERS):02}"


def draw_object(draw: random.Random, number: int) -> bytes:
    """A small JSON object, in JSON; different for each number."""
    fields: dict[str, Any] = {"number": number, "value": round(draw.gauss(0, 1), 4)}
    if draw.random() < 0.5:
        fields["note"] = f"{draw.choice(_WHAT)}, {draw.choice(_WHEN)}"
    return orjson.dumps(fields)


def draw_text(draw: random.Random, number: int) -> str:
    """One to three sentences of somebody who bought something; different for each number."""
    said = [
        f"{draw.choice(_WHO)} {draw.choice(_DID)} {draw.choice(_WHAT)} {draw.choice(_WHEN)}."
        for _ in range(draw.randint(1, 3))
    ]
    return f"{' '.join(said)} My order is A{1000 + number}. {draw.choice(_TAIL)}"


def draw_picture(draw: random.Random) -> bytes:
    """A PNG of 28 x 28 pixels, grey or RGB: a bar and a disc on a noisy ground."""
    channels = draw.choice((1, 3))
    angle, at, radius = draw.uniform(0, math.pi), draw.uniform(-8, 8), draw.uniform(2, 9)
    dx, dy, x0, y0 = math.cos(angle), math.sin(angle), draw.uniform(6, 22), draw.uniform(6, 22)
    rows = bytearray()
    for y in range(_PIXELS):
        ground = draw.randbytes(_PIXELS * channels)
        rows.append(0)
        for x in range(_PIXELS):
            lit = abs((x - 14) * dx + (y - 14) * dy - at) < 2
            lit = lit or abs(math.hypot(x - x0, y - y0) - radius) < 1
            base = 190 if lit else 0
            first = x * channels
            rows += bytes(base + byte // 4 for byte in ground[first : first + channels])
    header = struct.pack(">IIBBBBB", _PIXELS, _PIXELS, 8, 2 if channels == 3 else 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, body) for kind, body in parts)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def draw_clip(draw: random.Random) -> bytes:
    """A grey GIF of 24 x 24 pixels and 8 frames: a bar that moves up, down, left or right."""
    sideways, backwards, start = draw.random() < 0.5, draw.random() < 0.5, draw.randrange(_EDGE)
    parts = [b"GIF89a", struct.pack("<HHBBB", _EDGE, _EDGE, 0xF6, 0, 0)]
    parts += [bytes((grey * 2,)) * 3 for grey in range(128)]
    for frame in range(_FRAMES):
        at = start + (-frame if backwards else frame) * _EDGE // _FRAMES
        places = [(at - place) % _EDGE for place in range(_EDGE)]
        bar = [100 if place < 4 else draw.randrange(20) for place in places]
        rows = [bar if sideways else [one] * _EDGE for one in bar]
        parts.append(_gif_frame(bytes(shade for row in rows for shade in row)))
    return b"".join(parts) + b";"


def _gif_frame(shades: bytes) -> bytes:
    """Shades below 128, a byte a pixel, as codes of 8 bits that are never packed.

    The table is cleared before it grows so far that codes would take 9.
    """
    codes = b"".join(b"\x80" + shades[at : at + 120] for at in range(0, len(shades), 120)) + b"\x81"
    blocks = [codes[at : at + 255] for at in range(0, len(codes), 255)]
    packed = b"".join(bytes((len(block),)) + block for block in blocks) + b"\0"
    delay = b"!\xf9\x04\x00" + struct.pack("<H", 10) + b"\0\0"
    return delay + b"," + struct.pack("<HHHHB", 0, 0, _EDGE, _EDGE, 0) + b"\x07" + packed


def draw_recording(draw: random.Random) -> bytes:
    """A WAV of a quarter of a second, 8 kHz, 16 bits, mono: a sound that bends and fades."""
    hz, bend, fade = draw.uniform(80, 1_500), draw.uniform(-800, 800), draw.uniform(0, 12)
    loud, noise = draw.uniform(3_000, 20_000), draw.randbytes(2 * _SAMPLES)
    samples = array("h", noise)
    for at in range(_SAMPLES):
        s = at / _RATE_HZ
        tone = loud * math.exp(-fade * s) * math.sin(2 * math.pi * (hz + bend * s) * s)
        samples[at] = int(tone) + samples[at] // 64
    data = struct.pack(f"<{_SAMPLES}h", *samples)
    form = struct.pack("<HHIIHH", 1, 1, _RATE_HZ, 2 * _RATE_HZ, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


class Doing(NamedTuple):
    """One thing that somebody did, or where somebody was, in the words of `records.behaviour`."""

    user: str
    kind: str
    item: str
    lat: float
    lon: float
    time_ms: int


def draw_doings(draw: random.Random) -> Iterator[Doing]:
    """What users do, in the order of time, without end.

    Each user has a home and a few favourite items, looks at many, clicks some and buys few, and
    says now and then where they are. No two events are at the same time.
    """
    homes = [(draw.uniform(35, 60), draw.uniform(-10, 30)) for _ in range(USERS)]
    tastes = [draw.sample(range(_ITEMS), 6) for _ in range(USERS)]
    time_ms = FIRST_EVENT_MS
    while True:
        time_ms += draw.randint(1, 4_000)
        who = draw.randrange(USERS)
        kind = draw.choices(("view", "click", "buy", "position"), (58, 22, 6, 14))[0]
        item = draw.choice(tastes[who]) if draw.random() < 0.7 else draw.randrange(_ITEMS)
        lat, lon = (round(draw.gauss(home, _SAME_PLACE_DEG), 6) for home in homes[who])
        yield Doing(f"user-{who:02}", kind, f"item-{item:03}", lat, lon, time_ms)
