"""Logs that the tests make up."""

from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from aimass_stream.learner import Event
from aimass_stream.records import (
    Embedding,
    Entities,
    Entity,
    Generated,
    Prediction,
    Transcript,
)
from tests.codecs.image_files import encoded

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


def quality_log(
    rows: int, labels: list[str], *, seed: int = 0, right: float = 0.8, until: int = 0
) -> list[Event]:
    """Answers of two models to each record, and labels before, behind, twice, or never.

    Args:
        rows: records.
        labels: that there are.
        seed: of what is drawn.
        right: share of right answers.
        until: the record from which on the second model always says the first label; 0 for never.
    """
    rng = np.random.default_rng(seed)
    events: list[tuple[str, dict[str, Any]]] = []
    for i in range(rows):
        truth = str(rng.choice(labels))
        root, told = f"texts/0/{i}", {"record": f"texts/0/{i}", "label": truth}
        if i % 5 == 1:
            events.append((f"feedback/0/{i}", told))
        for model in ("head@1", "head@2"):
            said = truth if rng.random() < right else str(rng.choice(labels))
            said = labels[0] if model == "head@2" and 0 < until <= i else said
            answer = {"label": said, "score": 0.8, "scores": {said: 0.8}}
            events.append((root, {"model": model, "answer": answer}))
        if i % 5 in {2, 3}:
            if i % 7 == 3:
                events.append((f"feedback/1/{i}", {**told, "label": labels[0]}))
            events.append((f"feedback/0/{i}", told))
        if i % 11 == 0:
            events.append((f"feedback/2/{i}", {"record": "texts/9/1", "label": truth}))
    return [
        Event(i, "answers", NOON_MS + i * 100, root, None, orjson.dumps(value))
        for i, (root, value) in enumerate(events)
    ]


def vector_log(
    rows: int, dimensions: int, *, seed: int = 0, share: float = 0.02, keys: int = 1_000_000
) -> tuple[list[Event], NDArray[np.bool_]]:
    """Correlated normal vectors, some of them anomalies: one or two numbers off by a lot."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(dimensions, dimensions))
    points = rng.normal(size=(rows, dimensions)) @ mix
    planted = rng.random(rows) < share
    for i in np.flatnonzero(planted):
        which = rng.integers(dimensions, size=2)
        points[i, which] += rng.choice([-1, 1], size=2) * rng.uniform(4, 8, size=2) * 2
    events = [
        event_of(i, {"x": point.tolist()}, key=f"k{i % keys}", after_ms=i * 50)
        for i, point in enumerate(points)
    ]
    return events, planted


def walks(
    rows: int, users: int, *, seed: int = 0, share: float = 0.01
) -> tuple[list[Event], NDArray[np.bool_]]:
    """People who walk about and look at items; planted are jumps to another place."""
    rng = np.random.default_rng(seed)
    places = np.column_stack([rng.uniform(-60, 60, users), rng.uniform(-170, 170, users)])
    headings = rng.uniform(0, 2 * np.pi, users)
    events, planted = [], np.zeros(rows, np.bool_)
    for i in range(rows):
        user = int(rng.integers(users))
        name = f"u{user}"
        if rng.random() < 0.3:
            item = f"i{int(rng.zipf(1.5)) % 50}"
            kind = str(rng.choice(["view", "view", "click", "buy"]))
            value = {"user": name, "kind": kind, "item": item}
        else:
            headings[user] += rng.normal() * 0.3
            step = rng.gamma(4, 0.3) * users / 1.11e5
            planted[i] = rng.random() < share
            if planted[i]:
                step = rng.uniform(0.05, 0.5)
            places[user] += step * np.array([np.cos(headings[user]), np.sin(headings[user])])
            lat, lon = places[user].tolist()
            value = {"user": name, "kind": "position", "lat": lat, "lon": lon}
        events.append(event_of(i, value, key=name, after_ms=i * 1000))
    return events, planted


def rename(event: Event, turn: int) -> Event:
    """The event of another user and item."""
    fields = orjson.loads(event.value)
    for name in ("user", "item"):
        if name in fields:
            fields[name] += f"-{turn:02}"
    key = None if event.key is None else event.key + f"-{turn:02}".encode()
    return msgspec.structs.replace(event, value=orjson.dumps(fields), key=key)


def shopping(
    rows: int, users: int, items: int, *, seed: int = 0, positions: bool = False
) -> list[Event]:
    """A catalogue by Markov's chain: each item leads to three others, and some are popular."""
    rng = np.random.default_rng(seed)
    popular = rng.zipf(1.4, size=items).clip(max=200) / 1.0
    popular /= popular.sum()
    leads = rng.integers(items, size=(items, 3))
    at = rng.integers(items, size=users)
    events = []
    for i in range(rows):
        user = int(rng.integers(users))
        follows = rng.random() < 0.7
        at[user] = (
            leads[at[user], rng.choice(3, p=[0.6, 0.3, 0.1])]
            if follows
            else rng.choice(items, p=popular)
        )
        kind = "buy" if rng.random() < 0.1 else "view"
        value: dict[str, Any] = {"user": f"u{user}", "kind": kind, "item": f"i{at[user]}"}
        if positions and i % 9 == 4:
            value = {"user": f"u{user}", "kind": "position", "lat": 1.0, "lon": 2.0}
        events.append(event_of(i, value, key=f"u{user}", after_ms=i * 2_000))
    return events


def described_shopping(rows: int, users: int, items: int, dimensions: int) -> list[Event]:
    """A catalogue where, every third record, an item is described, some of them more than once."""
    vectors, kinds = blobs(items, 4, dimensions)
    rng = np.random.default_rng(1)
    events = shopping(rows, users, items)
    for i in range(0, rows, 3):
        item = int(rng.integers(items))
        said = {"category": f"c{kinds[item]}"} if i % 2 else embedded(vectors[rng.integers(items)])
        events[i] = event_of(i, {"item": f"i{item}", **said}, key=f"i{item}", after_ms=i * 2_000)
    return events


def value_log(
    rows: int, series: int, *, seed: int = 0, every_ms: int = 600_000
) -> tuple[list[Event], NDArray[np.bool_]]:
    """Series with a daily course and noise, interleaved; planted are jumps beyond the course."""
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.integers(-2, 4, series)
    planted = np.zeros(rows * series, np.bool_)
    events = []
    for i in range(rows * series):
        row, which = divmod(i, series)
        course = np.sin(2 * np.pi * row * every_ms / 86_400_000 + which)
        value = 10 + 3 * course + 0.3 * rng.normal()
        planted[i] = row > rows // 2 and rng.random() < 0.003
        if planted[i]:
            value += rng.choice([-6, 6])
        fields = {"value": float(value * sizes[which])}
        events.append(event_of(i, fields, key=f"s{which}", after_ms=row * every_ms))
    return events, planted


def number_log(
    rows: int,
    targets: list[Any],
    *,
    seed: int = 0,
    late: int = 5,
    key: str = "label",
    until: int = 0,
) -> list[Event]:
    """Records of three numbers; every third says its target, others have it come later, or never.

    A target is the place of the mean of the first two numbers among the others; from the record
    `until` on, 0 for never, half of the targets further.
    """
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(rows, 3))
    ranks = np.argsort(np.argsort(points[:, :2].mean(axis=1)))
    places = ranks * len(targets) // rows
    if until:
        places[until:] = (places[until:] + len(targets) // 2) % len(targets)
    truths = [targets[place] for place in places.tolist()]
    values: list[tuple[str, dict[str, Any]]] = []
    for i, point in enumerate(points):
        known = {key: truths[i]} if i % 3 == 0 else {}
        values.append((f"records/0/{i}", {"x": point.tolist(), **known}))
        about = i - late
        if about >= 0 and about % 3 == 1:
            told = {"record": f"records/0/{about}", "label": str(truths[about])}
            values.append((f"feedback/0/{i}", told))
    return [
        Event(i, "records", NOON_MS + i * 100, root, None, orjson.dumps(value))
        for i, (root, value) in enumerate(values)
    ]


def bandit_log(rows: int, arms: list[str]) -> list[Event]:
    """Records that ask, most of them rewarded four later; every tenth reward comes twice."""
    rng = np.random.default_rng(0)
    values: list[tuple[str, dict[str, Any]]] = []
    for i in range(rows):
        values.append((f"pages/0/{i}", dict(zip("xy", rng.normal(size=2).tolist(), strict=True))))
        if i >= 4 and i % 3:
            told = {
                "record": f"pages/0/{i - 4}",
                "reward": int(rng.integers(len(arms))) / len(arms),
            }
            values += [(f"rewards/0/{i}", told)] * (1 + (i % 10 == 0))
    return [
        Event(i, "pages", NOON_MS + i * 100, root, None, orjson.dumps(value))
        for i, (root, value) in enumerate(values)
    ]


def cluster_log(rows: int, dimensions: int) -> list[Event]:
    """Embeddings of three groups; in the second half one has gone, and another has come."""
    points, which = blobs(rows, 4, dimensions, spread=0.2)
    kept = which != np.where(np.arange(rows) < rows // 2, 3, 0)
    return [event_of(i, embedded(point), after_ms=i) for i, point in enumerate(points[kept])]


def gallery_log(rows: int, dimensions: int) -> list[Event]:
    """Embeddings of six people, some enrolled by record, some with an embedding, some erased."""
    points, which = blobs(rows, 6, dimensions, spread=0.3)
    values: list[tuple[str | None, dict[str, Any]]] = []
    for i in range(rows):
        values.append((f"faces/0/{i}", embedded(points[i])))
        if i % 5 == 4:
            about = i - 4
            values.append((None, {"record": f"faces/0/{about}", "label": f"p{which[about]}"}))
        if i % 7 == 3:
            values.append((None, {"enrol": f"p{which[i]}", **embedded(points[i])}))
        if i % 20 == 19:
            values.append((None, {"erase": f"p{which[i]}"}))
    return [
        Event(
            offset=i,
            topic="faces",
            timestamp_ms=NOON_MS + i * 100,
            root=root or f"told/0/{i}",
            key=None,
            value=orjson.dumps(value),
        )
        for i, (root, value) in enumerate(values)
    ]


def frame_log(rows: int) -> list[Event]:
    """Small pictures of four cameras."""
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 256, (rows, 8, 8, 3), np.uint8)
    cameras = draw.integers(4, size=rows).tolist()
    return [
        Event(i, "frames", NOON_MS + i, f"frames/0/{i}", b"c%d" % camera, encoded(picture, "PNG"))
        for i, (camera, picture) in enumerate(zip(cameras, pictures, strict=True))
    ]


def chat_log(rows: int) -> list[Event]:
    """Messages of six people, most of them replied to somewhat later."""
    draw = np.random.default_rng(4)
    events: list[Event] = []
    open_messages: list[tuple[bytes, str]] = []
    for at in range(rows):
        if open_messages and draw.random() < 0.4:
            key, root = open_messages.pop(0)
            value = msgspec.json.encode(Generated(f"reply {at}", "end", 1, 1))
            events.append(Event(at, "replies", NOON_MS + at, root, key, value))
            continue
        key, root = b"k%d" % draw.integers(6), f"messages/0/{at}"
        open_messages.append((key, root))
        events.append(Event(at, "messages", NOON_MS + at, root, key, b"message %d" % at))
    return events


def said_of(
    offset: int,
    intent: str,
    slots: dict[str, str],
    *,
    key: str = "anna",
    score: float = 1.0,
    after_ms: int = 0,
) -> Event:
    """A turn as a graph of speech understands it; without an intent where nothing was said."""
    found = [Entity(label, 0, len(text), text, 1.0) for label, text in slots.items()]
    value = {
        "words": msgspec.to_builtins(Transcript("what was said", [], 1.0)),
        "intent": msgspec.to_builtins(Prediction(intent, score, {intent: score}))
        if intent
        else None,
        "slots": msgspec.to_builtins(Entities(found)),
    }
    return event_of(offset, value, key=key, after_ms=after_ms)


def dialogue_log(rows: int) -> list[Event]:
    """Turns of five speakers about two things, some of them about nothing."""
    draw = np.random.default_rng(0)
    events = []
    for row in range(rows):
        intent = str(draw.choice(["track", "hours", "dance", ""]))
        names = [name for name in ("order", "city", "name") if draw.random() < 0.3]
        slots = {name: f"{name}-{row}" for name in names}
        key = f"k{draw.integers(5)}"
        events.append(said_of(row, intent, slots, key=key, after_ms=row * 1000))
    return events


def homes(rows: int, *, floors_from: int = 1 << 30) -> list[Event]:
    """Flats and houses; floors do not vary before some record."""
    draw = np.random.default_rng(3)
    found = []
    for at in range(rows):
        kind = ("flat", "house")[at % 2]
        fields = {
            "rooms": int(draw.integers(1, 4)) + 3 * (at % 2),
            "area": float(draw.normal(60 + 80 * (at % 2), 10)),
            "floors": 1 if at < floors_from else 1 + at % 3,
            "kind": kind,
        }
        value = orjson.dumps(fields)
        found.append(Event(at, "homes", 1_000 + at, f"homes/0/{at}", None, value))
    return found
