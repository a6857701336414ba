"""The state every anomaly detector shares: features, what is usual, a judge, and rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.anomaly.detectors import Detector
from aimass_stream.learners.anomaly.judges import Judge, Look
from aimass_stream.learners.anomaly.reasons import Reasons
from aimass_stream.learners.anomaly.rest import Rest
from aimass_stream.learners.anomaly.usual import Usual
from aimass_stream.learners.arrays import under
from aimass_stream.learners.behaviour import BehaviourFeatures
from aimass_stream.learners.features import Features, Floats, Row, VectorFeatures
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.records import Surprise


class _Seen(NamedTuple):
    """What is known of rows before they are learnt.

    Attributes:
        scaled: `(rows, columns)`: heavy columns as log(1 + value); NaN for no value.
        look: as eyes see them.
        raws: what eyes found.
    """

    scaled: Floats
    look: Look
    raws: Floats


class _Ahead(NamedTuple):
    """What the rows of a block lead to.

    Attributes:
        features: as their `remember` takes it.
        resting: as `Rest.remember` takes it.
        seen: the rows, as they came together.
    """

    features: Any
    resting: dict[str, int]
    seen: list[_Seen]


class DetectorState:
    """The `LearnerState` of a detector.

    All rows of a block are judged by what was usual at its start. A row's own features follow
    the rows before it in the block, and an alarm in the block puts its key to rest.

    Args:
        detector: the declaration.
        judge: finds out how unusual rows are, and learns them.
        features: makes rows of events.
    """

    def __init__(self, detector: Detector, judge: Judge, features: Features[Any]) -> None:
        self._features = features
        self._judge = judge
        self._detector = detector
        self._heavy = np.array([column.heavy for column in features.columns])
        self._usual = Usual(len(features.columns))
        self._reasons = Reasons(features.columns)
        self._rest = Rest(detector.rest_records, detector.keys)
        self._learnt = 0
        self._open = OpenBlock(self._begin, self._answer)

    def read(self, event: Event) -> Row[Any]:
        """An event as the features take it.

        Raises:
            RecordError: it is none.
        """
        return self._features.read(event)

    def score(self, inputs: Sequence[Row[Any]]) -> list[Surprise]:
        """How unusual each row is."""
        return self._open.answers(inputs)

    def learn(self, inputs: Sequence[Row[Any]]) -> None:
        """Learn a block."""
        ahead = self._open.ahead(inputs)
        self._open.close()
        if not ahead.seen:
            return
        scaled = np.concatenate([seen.scaled for seen in ahead.seen])
        look = Look(
            np.concatenate([seen.look.values for seen in ahead.seen]),
            np.concatenate([seen.look.spreads for seen in ahead.seen]),
        )
        self._judge.learn(look, np.concatenate([seen.raws for seen in ahead.seen]))
        self._rest.remember(ahead.resting)
        self._usual.learn(scaled)
        self._features.remember(ahead.features)
        self._learnt += len(scaled)

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        judge = self._judge.snapshot()
        arrays: dict[str, NDArray[np.generic]] = dict(judge.arrays)
        arrays |= {f"usual.{name}": array for name, array in self._usual.snapshot().items()}
        data = {
            "columns": [column.name for column in self._features.columns],
            "learnt": self._learnt,
            "rest": self._rest.snapshot(),
            "features": self._features.snapshot(),
            "eye": judge.data,
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
        self._rest.restore(data["rest"])
        self._features.restore(data["features"])
        self._learnt = data["learnt"]
        self._judge.restore(Snapshot(arrays, data["eye"]))
        self._open.close()

    def _begin(self) -> _Ahead:
        return _Ahead(self._features.ahead(), {}, [])

    def _answer(self, ahead: _Ahead, rows: Sequence[Row[Any]]) -> list[Surprise]:
        """Judge rows that follow on those before them in the block."""
        natural = self._features.look(rows, ahead.features)
        scaled = np.where(self._heavy, np.log1p(np.where(self._heavy, natural, 0.0)), natural)
        look = Look(self._usual.filled(scaled), self._usual.spreads(scaled))
        raws, shares = self._judge.judge(look)
        ahead.seen.append(_Seen(scaled, look, raws))
        shares = np.where(np.isnan(shares), 0.0, shares)
        warm = self._learnt >= self._detector.warm_records
        unusual = (shares >= 1 - self._detector.alarm_share) & warm
        alarms = self._rest.look([row.key for row in rows], unusual, ahead.resting)
        return [
            self._surprise(share, natural[i], look.spreads[i], is_alarm=alarms[i])
            for i, share in enumerate(shares.tolist())
        ]

    def _surprise(
        self, share: float, natural: Floats, spreads: Floats, *, is_alarm: bool
    ) -> Surprise:
        threshold = 1 - self._detector.alarm_share
        if share < threshold:
            return Surprise(share, threshold, is_alarm=False, reason="as usual")
        reason, parts = self._reasons.of(natural, spreads, self._usual)
        return Surprise(share, threshold, is_alarm, reason, parts)


def features_of(detector: Detector) -> Features[Any]:
    """The features a detector is declared with."""
    if detector.features == "vector":
        return VectorFeatures(detector.dimensions)
    return BehaviourFeatures(detector.keys)
