"""How right online learners are: prequentially, on data sets inside River's wheel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import orjson
from river import datasets

from aimass_stream.learner import Event
from aimass_stream.learners.online import OnlineClassifier, OnlineRegressor
from aimass_stream.learners.online.state import ClassifierState, RegressorState

_CURVE_POINTS = 10


class LabelledRows(NamedTuple):
    """A data set in its own order.

    Attributes:
        name: as River calls it.
        rows: `(rows, numbers)`.
        labels: one a row, as text.
    """

    name: str
    rows: list[list[float]]
    labels: list[str]


class Right(NamedTuple):
    """What a classifier reached.

    Attributes:
        accuracy: share of records whose label was the most probable before it was learnt.
        curve: the same of each tenth of the stream, in order.
        us_per_record: CPU microseconds to read, score and learn one.
    """

    accuracy: float
    curve: list[float]
    us_per_record: float


def labelled_rows() -> Iterator[LabelledRows]:
    """Phishing, Bananas and ImageSegments."""
    for made in (datasets.Phishing(), datasets.Bananas(), datasets.ImageSegments()):
        pairs = list(made)
        names = list(pairs[0][0])
        yield LabelledRows(
            type(made).__name__,
            [[float(numbers[name]) for name in names] for numbers, _ in pairs],
            [str(label) for _, label in pairs],
        )


def changed_rows() -> LabelledRows:
    """ImageSegments twice; the second time every label goes by the name of the next."""
    *_, once = labelled_rows()
    names = sorted(set(once.labels))
    next_of = dict(zip(names, [*names[1:], names[0]], strict=True))
    changed = [next_of[label] for label in once.labels]
    return LabelledRows("changed", once.rows * 2, once.labels + changed)


class NumberedRows(NamedTuple):
    """A data set in its own order, with a number to estimate for each row.

    Attributes:
        name: as River calls it.
        rows: `(rows, numbers)`.
        targets: one a row.
    """

    name: str
    rows: list[list[float]]
    targets: list[float]


def numbered_rows() -> Iterator[NumberedRows]:
    """ChickWeights (without the number of the chick, which is a name) and TrumpApproval."""
    for made in (datasets.ChickWeights(), datasets.TrumpApproval()):
        pairs = list(made)
        names = [name for name in pairs[0][0] if name != "chick"]
        yield NumberedRows(
            type(made).__name__,
            [[float(numbers[name]) for name in names] for numbers, _ in pairs],
            [float(target) for _, target in pairs],
        )


def estimate(data: NumberedRows, kind: str) -> float:
    """Mean absolute error of estimates made before each number was learnt, as shipped."""
    declared = OnlineRegressor("bench", dimensions=len(data.rows[0]), kind=kind)  # type: ignore[arg-type]  # one of the names it takes
    state = RegressorState(declared.settings)
    errors = []
    for at, (row, target) in enumerate(zip(data.rows, data.targets, strict=True)):
        value = orjson.dumps({"x": row, "value": target})
        one = state.read(Event(at, "t", at, f"t/0/{at}", None, value))
        (answer,) = state.score([one])
        state.learn([one])
        errors += [] if answer is None else [abs(answer.value - target)]
    return float(np.mean(errors))


def classify(data: LabelledRows, kind: str) -> Right:
    """Score each record, then learn it with its label, at the settings that are shipped."""
    declared = OnlineClassifier(
        "bench",
        labels=tuple(sorted(set(data.labels))),
        dimensions=len(data.rows[0]),
        kind=kind,  # type: ignore[arg-type]  # one of the names it takes
    )
    state = ClassifierState(declared.settings)
    right, begun = np.zeros(len(data.rows)), time.process_time()
    for at, (row, label) in enumerate(zip(data.rows, data.labels, strict=True)):
        value = orjson.dumps({"x": row, "label": label})
        one = state.read(Event(at, "t", at, f"t/0/{at}", None, value))
        (answer,) = state.score([one])
        state.learn([one])
        right[at] = answer is not None and answer.label == label
    spent_s = time.process_time() - begun
    curve = [float(part.mean()) for part in np.array_split(right, _CURVE_POINTS)]
    return Right(float(right.mean()), curve, spent_s / len(data.rows) * 1e6)
