"""The job every contestant does: decode JSON, stack 16 floats, one matmul, argmax, encode JSON.

Imported in the other engines' environment too, so it needs NumPy and orjson alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

PARTITIONS = 4
FEATURES = 16
CLASSES = 4
BATCH_ROWS = 256
WEIGHTS = np.random.default_rng(7).normal(size=(FEATURES, CLASSES)).astype(np.float32)

Headers = list[tuple[str, bytes]]


def make_record(number: int, draw: np.random.Generator) -> tuple[bytes, bytes]:
    """Key and value of one record; the value has about 250 bytes."""
    value = {
        "id": number,
        "user": f"user-{number % 1000:04d}",
        "kind": "reading",
        "x": [round(float(x), 6) for x in draw.normal(size=FEATURES)],
    }
    return f"user-{number % 1000:04d}".encode(), orjson.dumps(value)


def answer_batch(values: Sequence[bytes | None]) -> list[bytes]:
    """One JSON answer for each record of a batch."""
    events = [orjson.loads(value or b"") for value in values]
    inputs = np.array([event["x"] for event in events], dtype=np.float32)
    labels = (inputs @ WEIGHTS).argmax(axis=1).tolist()
    return [
        orjson.dumps({"id": event["id"], "label": label})
        for event, label in zip(events, labels, strict=True)
    ]


def answer_one(value: bytes) -> bytes:
    """The same for engines that hand over records one by one."""
    event: dict[str, Any] = orjson.loads(value)
    label = int((np.array(event["x"], dtype=np.float32) @ WEIGHTS).argmax())
    return orjson.dumps({"id": event["id"], "label": label})


def engine_headers(topic: str, partition: int, offset: int) -> Headers:
    """The four headers that our engine writes on every answer."""
    source = f"{topic}/{partition}/{offset}".encode()
    return [
        ("aimass-source", source),
        ("aimass-root", source),
        ("aimass-model", b"linear@1"),
        ("aimass-id", b"0123456789abcdef01234567"),
    ]
