"""What learners cost: CPU microseconds a record, one by one and many at once.

```
python -m benchmarks.learning.cost [--records 6000] [--learners NAME ...]
```

Records go through what drives a learner in its process, in blocks as it is declared with.

One thread of NumPy and torch should be set by the environment (`OMP_NUM_THREADS=1`). Refits
run in a thread beside the stream, and their CPU is counted.
"""

from __future__ import annotations

import argparse
import base64
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from aimass_stream.learner import Event, Learner, LearnerState
from aimass_stream.learners.abuse import AbuseGuard
from aimass_stream.learners.anomaly import (
    AutoencoderDetector,
    ExtremesDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    MahalanobisDetector,
    TailsDetector,
    ValueDetector,
    vector_ensemble,
)
from aimass_stream.learners.clusters import Clusters
from aimass_stream.learners.gallery import Gallery
from aimass_stream.learners.heads import Head
from aimass_stream.learners.online import OnlineClassifier
from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.trajectories import Fence, TrajectoryDetector
from aimass_stream.records import Embedding
from aimass_stream.runtime.blocks import BlockLearner
from models.behaviour_anomaly import behaviour_anomaly

AT_ONCE = 256
"""Records of a large delivery."""

_START_MS = 1_750_000_000_000
_DIMENSIONS = 384
_SERIES = 100


def _event(offset: int, value: bytes) -> Event:
    time_ms = _START_MS + offset * 200
    return Event(offset, "t", time_ms, f"t/0/{offset}", b"k", value)


def behaviour(records: int) -> list[Event]:
    """Positions of 500 users who wander, and clicks in a catalogue of 6,000 items."""
    rng = np.random.default_rng(0)
    places = rng.uniform(-50, 50, (500, 2))
    events = []
    for i in range(records):
        user = int(rng.integers(500))
        fields: dict[str, Any] = {"user": f"u{user}", "kind": "view", "item": f"i{_item(rng)}"}
        if i % 2:
            places[user] += rng.normal(size=2) * 1e-4
            lat, lon = places[user].tolist()
            fields = {"user": f"u{user}", "kind": "position", "lat": lat, "lon": lon}
        events.append(_event(i, orjson.dumps(fields)))
    return events


def tours(records: int) -> list[Event]:
    """Positions of 500 users, a minute apart, who go to and fro among 40 places and stay there."""
    rng = np.random.default_rng(0)
    places = rng.uniform(-0.2, 0.2, (40, 2)) + np.array([50, 8])
    at, stays = rng.integers(40, size=500), rng.integers(20, size=500)
    events = []
    for i in range(records):
        user, minute = i % 500, i // 500
        stays[user] -= 1
        if stays[user] < 0:
            at[user], stays[user] = (at[user] * 7 + rng.integers(3)) % 40, 20
        lat, lon = (places[at[user]] + rng.normal(size=2) * 1e-4).tolist()
        fields = {"user": f"u{user}", "kind": "position", "lat": lat, "lon": lon}
        event = _event(i, orjson.dumps(fields))
        time_ms = _START_MS + minute * 60_000
        events.append(msgspec.structs.replace(event, timestamp_ms=time_ms))
    return events


def clicks(records: int) -> list[Event]:
    """Views of 500 users in a catalogue of 6,000 items."""
    rng = np.random.default_rng(0)
    return [
        _event(
            i,
            orjson.dumps(
                {"user": f"u{rng.integers(500)}", "kind": "view", "item": f"i{_item(rng)}"}
            ),
        )
        for i in range(records)
    ]


def vectors(records: int) -> list[Event]:
    """Vectors of 16 numbers."""
    rng = np.random.default_rng(0)
    return [_event(i, orjson.dumps({"x": rng.normal(size=16).tolist()})) for i in range(records)]


def values(records: int) -> list[Event]:
    """One value a record of 100 series, interleaved, a minute between two of a series."""
    rng = np.random.default_rng(0)
    events = []
    for i in range(records):
        event = _event(i, orjson.dumps({"value": float(rng.normal())}))
        time_ms = _START_MS + i // _SERIES * 60_000
        events.append(
            msgspec.structs.replace(event, key=b"s%d" % (i % _SERIES), timestamp_ms=time_ms)
        )
    return events


def labelled(records: int) -> list[Event]:
    """Vectors of 16 numbers, each with the label that its first two numbers say."""
    rows = np.random.default_rng(0).normal(size=(records, 16))
    return [
        _event(i, orjson.dumps({"x": row.tolist(), "label": str(int(row[0] * row[1] > 0))}))
        for i, row in enumerate(rows)
    ]


def enrolments(records: int) -> list[Event]:
    """Embeddings of 384 numbers; every tenth enrols one of a thousand identities."""
    events = embeddings(records)
    for i in range(9, records, 10):
        fields = {"enrol": f"p{i // 10 % 1000}", **orjson.loads(events[i - 1].value)}
        events[i] = msgspec.structs.replace(events[i], value=orjson.dumps(fields))
    return events


def sounds(records: int) -> list[Event]:
    """Embeddings of 120 numbers in five groups."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(5, 120))
    rows = centres[rng.integers(5, size=records)] + 0.2 * rng.normal(size=(records, 120))
    return [_event(i, orjson.dumps(_fields(row))) for i, row in enumerate(rows)]


def _fields(numbers: NDArray[np.floating]) -> dict[str, Any]:
    embedding = Embedding.of(numbers)
    vector = base64.b64encode(embedding.vector).decode()
    return {"vector": vector, "dimensions": embedding.dimensions}


def embeddings(records: int) -> list[Event]:
    """Embeddings of 384 numbers; every tenth record is feedback on the one before."""
    rng = np.random.default_rng(0)
    events = []
    for i in range(records):
        value = orjson.dumps({"record": f"t/0/{i - 1}", "label": str(i % 3)})
        if i % 10 != 9:
            numbers = rng.normal(size=_DIMENSIONS) / _DIMENSIONS**0.5
            value = orjson.dumps(_fields(numbers))
        events.append(_event(i, value))
    return events


def _item(rng: np.random.Generator) -> int:
    return min(int(rng.zipf(1.2)), 6_000)


LEARNERS: Sequence[tuple[str, Learner[Any], Callable[[int], list[Event]]]] = (
    ("isolation forest, behaviour", IsolationForestDetector("a"), behaviour),
    (
        "isolation forest, 16 numbers",
        IsolationForestDetector("a", features="vector", dimensions=16),
        vectors,
    ),
    ("autoencoder, behaviour", AutoencoderDetector("a"), behaviour),
    (
        "autoencoder, 16 numbers",
        AutoencoderDetector("a", features="vector", dimensions=16),
        vectors,
    ),
    ("half-space trees, behaviour", HalfSpaceTreesDetector("a"), behaviour),
    ("ensemble, behaviour", behaviour_anomaly, behaviour),
    ("extremes, behaviour", ExtremesDetector("a"), behaviour),
    ("values, 100 series", ValueDetector("a"), values),
    (
        "mahalanobis, 16 numbers",
        MahalanobisDetector("a", features="vector", dimensions=16),
        vectors,
    ),
    ("tails, 16 numbers", TailsDetector("a", features="vector", dimensions=16), vectors),
    ("ensemble, 16 numbers", vector_ensemble("a", 16), vectors),
    ("guard against abuse, 6,000 items", AbuseGuard("g"), clicks),
    (
        "trajectories, 500 users",
        TrajectoryDetector(
            "t",
            fences=(
                Fence("circle", centre=(50.0, 8.0), radius_m=2_000),
                Fence("square", ((50, 8), (50, 8.1), (50.1, 8.1), (50.1, 8))),
            ),
        ),
        tours,
    ),
    ("recommender, 6,000 items", Recommender("r"), clicks),
    (
        "online classifier, stacking, 16 numbers",
        OnlineClassifier("c", labels=("0", "1"), dimensions=16),
        labelled,
    ),
    (
        "online classifier, adaptive random forest, 16 numbers",
        OnlineClassifier("c", labels=("0", "1"), dimensions=16, kind="adaptive-random-forest"),
        labelled,
    ),
    ("clusters, 120 dimensions", Clusters("c", 120), sounds),
    ("gallery, 384 dimensions", Gallery("g", _DIMENSIONS, threshold=0.6), enrolments),
    ("head, 384 dimensions", Head("h", ("0", "1", "2"), _DIMENSIONS), embeddings),
)


def cost(declared: Learner[Any], events: Sequence[Event], at_once: int) -> float:
    """CPU microseconds to read, score and learn a record, over the second half.

    Args:
        declared: the learner.
        events: of its log.
        at_once: records that come together.
    """
    module, _, name = declared.adapter.partition(":")
    state: LearnerState[Any, Any] = getattr(import_module(module), name)(declared.settings)
    learner = BlockLearner(state, declared.block_rows, 0)
    spent_s, measured = 0.0, 0
    for i in range(0, len(events), at_once):
        begun_s = time.process_time()
        learner.take([(event, state.read(event)) for event in events[i : i + at_once]])
        # The first half warms it up.
        if i >= len(events) // 2:
            spent_s += time.process_time() - begun_s
            measured += len(events[i : i + at_once])
    return spent_s / measured * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=6_000)
    parser.add_argument("--learners", nargs="+", help="those whose names begin so")
    chosen = parser.parse_args()
    print(f"| learner | records a block | one by one, us | {AT_ONCE} at once, us | ratio |")
    print("|---|---|---|---|---|")
    for name, declared, make in LEARNERS:
        if chosen.learners and not name.startswith(tuple(chosen.learners)):
            continue
        events = make(chosen.records)
        alone, together = cost(declared, events, 1), cost(declared, events, AT_ONCE)
        print(
            f"| {name} | {declared.block_rows} | {alone:.0f} | {together:.0f} "
            f"| {alone / together:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
