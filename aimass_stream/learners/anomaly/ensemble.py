"""Several eyes on one row: what each finds on a common scale, and the mean or most of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Snapshot
from aimass_stream.learners.anomaly.autoencoder import AutoencoderEye
from aimass_stream.learners.anomaly.detectors import (
    AutoencoderDetector,
    Detector,
    EnsembleDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    MahalanobisDetector,
    TailsDetector,
)
from aimass_stream.learners.anomaly.half_space_trees import HalfSpaceTreesEye
from aimass_stream.learners.anomaly.isolation_forest import IsolationForestEye
from aimass_stream.learners.anomaly.judges import Eye, Judged, Look
from aimass_stream.learners.anomaly.mahalanobis import MahalanobisEye
from aimass_stream.learners.anomaly.state import DetectorState, features_of
from aimass_stream.learners.anomaly.tails import TailsEye
from aimass_stream.learners.anomaly.usual import Rarity
from aimass_stream.learners.arrays import under
from aimass_stream.learners.features import Column, Floats

_KINDS: dict[str, tuple[type[Detector], Any]] = {
    "AutoencoderDetector": (AutoencoderDetector, AutoencoderEye),
    "HalfSpaceTreesDetector": (HalfSpaceTreesDetector, HalfSpaceTreesEye),
    "IsolationForestDetector": (IsolationForestDetector, IsolationForestEye),
    "MahalanobisDetector": (MahalanobisDetector, MahalanobisEye),
    "TailsDetector": (TailsDetector, TailsEye),
}


class EyesTogether:
    """The mean or the largest share of earlier rows that members found less unusual.

    Args:
        members: their names and eyes.
        compared_records: latest rows that a share is of.
        is_furthest: whether it is the largest.
    """

    def __init__(
        self, members: Mapping[str, Eye], compared_records: int, *, is_furthest: bool
    ) -> None:
        self._is_furthest = is_furthest
        self._members = members
        self._rarities = {name: Rarity(compared_records) for name in members}

    def judge(self, look: Look) -> Judged:
        """Shares of rows; an eye that cannot judge yet has no say."""
        raws = np.stack([eye.score(look) for eye in self._members.values()], axis=1)
        shares = np.array(
            [
                np.where(np.isnan(raw), np.nan, rarity.share_below(raw))
                for raw, rarity in zip(raws.T, self._rarities.values(), strict=True)
            ]
        )
        judged = (~np.isnan(shares)).sum(axis=0)
        known = np.nan_to_num(shares, nan=0.0)
        if self._is_furthest:
            # The largest of n independent shares is below m in m^n of cases (Šidák 1967).
            most = known.max(axis=0) ** np.maximum(judged, 1)
            return Judged(raws, np.where(judged > 0, most, np.nan))
        # One after the other: a sum over an axis may add up in another order for a single row.
        mean = sum(known[1:], start=known[0]) / np.maximum(judged, 1)
        return Judged(raws, np.where(judged > 0, mean, np.nan))

    def learn(self, look: Look, raws: Floats) -> None:
        """Have every member learn rows."""
        for (name, eye), raw in zip(self._members.items(), raws.T, strict=True):
            rarity = self._rarities[name]
            rarity.learn(raw[~np.isnan(raw)])
            eye.learn(look)
            if rarity.is_empty:
                # What it was first fitted on is better to compare with than nothing.
                first = eye.score(look)
                rarity.learn(first[~np.isnan(first)])

    def snapshot(self) -> Snapshot:
        """Every member's snapshot, under its name."""
        arrays: dict[str, NDArray[np.generic]] = {
            f"eye.{name}/rarity": rarity.snapshot() for name, rarity in self._rarities.items()
        }
        data = {}
        for name, eye in self._members.items():
            member = eye.snapshot()
            arrays |= {f"eye.{name}/eye.{key}": array for key, array in member.arrays.items()}
            data[name] = member.data
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of other members.
        """
        if snapshot.data.keys() != self._members.keys():
            raise ValueError(f"an ensemble of {', '.join(snapshot.data)}")
        for name, eye in self._members.items():
            arrays = under(snapshot.arrays, f"eye.{name}/")
            self._rarities[name].restore(arrays["rarity"].astype(np.float64))
            eye.restore(Snapshot(under(arrays, "eye."), snapshot.data[name]))


class EnsembleState(DetectorState):
    """The `LearnerState` of `EnsembleDetector`."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        made = [_KINDS[member["kind"]] for member in settings["members"]]
        members = tuple(
            kind(member["name"], **member["settings"])
            for (kind, _), member in zip(made, settings["members"], strict=True)
        )
        detector = EnsembleDetector("state", **{**settings, "members": members})
        features = features_of(detector)
        eyes = _eyes(members, [eye for _, eye in made], features.columns)
        is_furthest = detector.combine == "furthest"
        judge = EyesTogether(eyes, detector.compared_records, is_furthest=is_furthest)
        super().__init__(detector, judge, features)


def _eyes(
    members: Sequence[Detector], makers: Sequence[Any], columns: Sequence[Column]
) -> dict[str, Eye]:
    return {
        member.name: maker(member, columns) for member, maker in zip(members, makers, strict=True)
    }
