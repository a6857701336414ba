"""The state every anomaly detector shares: features, what is usual, rarity, and rest.

A kind of detector adds an `Eye`: what gives a block of rows raw scores, higher for less usual,
and learns them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.anomaly.detectors import Detector
from aimass_stream.learners.anomaly.reasons import Reasons
from aimass_stream.learners.anomaly.rest import Rest
from aimass_stream.learners.anomaly.usual import Rarity, Usual
from aimass_stream.learners.arrays import under
from aimass_stream.learners.behaviour import BehaviourFeatures
from aimass_stream.learners.features import Features, Floats, Row, VectorFeatures
from aimass_stream.records import Surprise


class Look(NamedTuple):
    """A block as an eye sees it; each `(rows, columns)` float64.

    Attributes:
        values: heavy columns as log(1 + value); the usual mean where there is no value.
        spreads: spreads from the usual mean, within 50; 0 where there is no value.
    """

    values: Floats
    spreads: Floats


class Eye(Protocol):
    """What tells the usual from the unusual."""

    def score(self, look: Look) -> Floats:
        """`(rows,)` float64, higher for less usual; NaN while there is nothing to judge by."""
        ...

    def learn(self, look: Look) -> None:
        """Learn rows."""
        ...

    def snapshot(self) -> Snapshot:
        """Lay down what was learnt; nothing in it may change later."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down."""
        ...


class _Judged(NamedTuple):
    """Everything known of a block before it is learnt."""

    rows: Sequence[Row[Any]]
    seen: Any
    natural: Floats
    scaled: Floats
    look: Look
    raw: Floats
    shares: Floats
    alarms: list[bool]
    resting: dict[str, int]


class DetectorState:
    """The `LearnerState` of a detector.

    All rows of a block are judged by what was usual at its start. A row's own features follow
    the rows before it in the block, and an alarm in the block puts its key to rest.

    Args:
        detector: the declaration.
        eye: scores and learns rows.
        features: makes rows of events.
        is_calibrated: whether the eye's scores are shares already.
    """

    def __init__(
        self,
        detector: Detector,
        eye: Eye,
        features: Features[Any],
        *,
        is_calibrated: bool = False,
    ) -> None:
        self._is_calibrated = is_calibrated
        self._features = features
        self._eye = eye
        self._detector = detector
        self._heavy = np.array([column.heavy for column in features.columns])
        columns = len(features.columns)
        self._usual = Usual(columns)
        self._reasons = Reasons(features.columns)
        self._rarity = Rarity(detector.compared_records)
        self._rest = Rest(detector.rest_records, detector.keys)
        self._learnt = 0
        self._judged: _Judged | None = None

    def read(self, event: Event) -> Row[Any]:
        """An event as the features take it.

        Raises:
            RecordError: it is none.
        """
        return self._features.read(event)

    def score(self, inputs: Sequence[Row[Any]]) -> list[Surprise]:
        """How unusual each row is."""
        judged = self._judge(inputs)
        return [self._surprise(judged, i) for i in range(len(inputs))]

    def learn(self, inputs: Sequence[Row[Any]]) -> None:
        """Learn a block."""
        judged = self._judge(inputs)
        self._judged = None
        self._eye.learn(judged.look)
        self._rarity.learn(judged.raw[~np.isnan(judged.raw)])
        self._rest.remember(judged.resting)
        self._usual.learn(judged.scaled)
        self._features.remember(judged.seen)
        self._learnt += len(judged.rows)

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        eye = self._eye.snapshot()
        arrays: dict[str, NDArray[np.generic]] = {"rarity": self._rarity.snapshot()}
        arrays |= {f"usual.{name}": array for name, array in self._usual.snapshot().items()}
        arrays |= {f"eye.{name}": array for name, array in eye.arrays.items()}
        data = {
            "columns": [column.name for column in self._features.columns],
            "learnt": self._learnt,
            "rest": self._rest.snapshot(),
            "features": self._features.snapshot(),
            "eye": eye.data,
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of other features.
        """
        arrays, data = snapshot
        if data["columns"] != [column.name for column in self._features.columns]:
            raise ValueError(f"a detector of {len(data['columns'])} other features")
        self._usual.restore(under(arrays, "usual."))
        self._rarity.restore(arrays["rarity"].astype(np.float64))
        self._rest.restore(data["rest"])
        self._features.restore(data["features"])
        self._learnt = data["learnt"]
        self._eye.restore(Snapshot(under(arrays, "eye."), data["eye"]))
        self._judged = None

    def _judge(self, rows: Sequence[Row[Any]]) -> _Judged:
        """Judge a block, or give again what was judged when the same block was scored."""
        last = self._judged
        if last is not None and _same(last.rows, rows):
            return last
        natural, seen = self._features.look(rows)
        scaled = np.where(self._heavy, np.log1p(np.where(self._heavy, natural, 0.0)), natural)
        look = Look(self._usual.filled(scaled), self._usual.spreads(scaled))
        raw = self._eye.score(look)
        shares = raw if self._is_calibrated else self._rarity.share_below(raw)
        shares = np.where(np.isnan(raw), 0.0, shares)
        warm = self._learnt >= self._detector.warm_records
        unusual = (shares >= 1 - self._detector.alarm_share) & warm
        alarms, resting = self._rest.look([row.key for row in rows], unusual)
        self._judged = _Judged(
            list(rows), seen, natural, scaled, look, raw, shares, alarms, resting
        )
        return self._judged

    def _surprise(self, judged: _Judged, i: int) -> Surprise:
        share = float(judged.shares[i])
        threshold = 1 - self._detector.alarm_share
        if share < threshold:
            return Surprise(share, threshold, is_alarm=False, reason="as usual")
        reason, parts = self._reasons.of(judged.natural[i], judged.look.spreads[i], self._usual)
        return Surprise(share, threshold, judged.alarms[i], reason, parts)


def _same(rows: Sequence[Row[Any]], others: Sequence[Row[Any]]) -> bool:
    return len(rows) == len(others) and all(
        one is other for one, other in zip(rows, others, strict=True)
    )


def features_of(detector: Detector) -> Features[Any]:
    """The features a detector is declared with."""
    if detector.features == "vector":
        return VectorFeatures(detector.dimensions)
    return BehaviourFeatures(detector.keys)
