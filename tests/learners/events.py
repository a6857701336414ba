"""Logs that the tests make up."""

from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from aimass_stream.learner import Event
from aimass_stream.records import Embedding

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOUR_MS = 3_600_000
NOON_MS = 1_750_000_000_000


def event_of(
    offset: int, value: dict[str, Any], *, key: str | None = None, after_ms: int = 0
) -> Event:
    return Event(
        offset=offset,
        topic="made-up",
        timestamp_ms=NOON_MS + after_ms,
        root=f"made-up/0/{offset}",
        key=None if key is None else key.encode(),
        value=orjson.dumps(value),
    )


def embedded(numbers: Floats) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(Embedding.of(numbers))
    return fields


def blobs(
    rows: int, labels: int, dimensions: int, *, seed: int = 0, spread: float = 0.8
) -> tuple[Floats, Ints]:
    """Unit vectors around one centre a label, and their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(labels, dimensions))
    which = rng.integers(labels, size=rows)
    points = centres[which] + rng.normal(size=(rows, dimensions)) * spread
    return points / np.linalg.norm(points, axis=1, keepdims=True), which


def head_log(rows: int, labels: list[str], dimensions: int, *, late: int = 5) -> list[Event]:
    """Embeddings, each with its label some records later; every eleventh twice, some unknown."""
    points, which = blobs(rows, len(labels), dimensions)
    values: list[tuple[str | None, dict[str, Any]]] = []
    for i in range(rows):
        values.append((f"texts/0/{i}", embedded(points[i])))
        if i >= late:
            about = i - late
            label = labels[which[about]] if about % 11 else labels[0]
            values.append((None, {"record": f"texts/0/{about}", "label": label}))
        if i % 11 == late + 1:
            about = i - late - 1
            values.append((None, {"record": f"texts/0/{about}", "label": labels[which[about]]}))
        if i % 13 == 0:
            values.append((None, {"record": "texts/9/1", "label": labels[0]}))
    return [
        Event(
            offset=i,
            topic="texts",
            timestamp_ms=NOON_MS + i * 100,
            root=root or f"feedback/0/{i}",
            key=None,
            value=orjson.dumps(value),
        )
        for i, (root, value) in enumerate(values)
    ]
