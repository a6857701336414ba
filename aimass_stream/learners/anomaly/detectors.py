"""The declarations of anomaly detectors; importing them imports no learning library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import Surprise


@dataclass(frozen=True)
class Detector(Learner[Surprise]):
    """What every anomaly detector is told.

    A detector looks at features: of behaviour events (speed, turn, dwell, rhythm, novelty; see
    `learners.behaviour`), or vectors of the form `{"x": [numbers]}`. A score is the share of
    the latest `compared_records` that were less unusual, so it means the same for every
    detector, and `alarm_share` of records would be alarms if nothing ever changed. After an
    alarm the key (the user, or the record's key) rests, so that one event raises one alert.

    Attributes:
        features: `behaviour` or `vector`.
        dimensions: numbers in a vector; 0 for behaviour.
        alarm_share: share of the most unusual records that are alarms, above 0 and below 1.
        warm_records: records to learn before the first alarm.
        rest_records: further records of a key after its alarm that raise none.
        compared_records: latest records that a score is a share of.
        keys: users and resting keys remembered; the longest silent go first.
        seed: of everything random.

    Raises:
        ConfigError: a value makes no sense.
    """

    name: str
    _: KW_ONLY
    features: Literal["behaviour", "vector"] = "behaviour"
    dimensions: int = 0
    alarm_share: float = 0.01
    warm_records: int = 500
    rest_records: int = 20
    compared_records: int = 2_000
    keys: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.features in {"behaviour", "vector"}
        require(self, holds=known, otherwise='features must be "behaviour" or "vector"')
        fits = (self.dimensions >= 1) == (self.features == "vector") and self.dimensions >= 0
        require(self, holds=fits, otherwise="dimensions is the length of a vector, else 0")
        share = 0 < self.alarm_share < 1
        require(self, holds=share, otherwise="alarm_share must be above 0 and below 1")
        require_at_least(self, warm_records=1, rest_records=0, compared_records=1, keys=1, seed=0)

    @property
    def answer_type(self) -> type[Surprise]:
        """How unusual a record is."""
        return Surprise

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)


@dataclass(frozen=True)
class IsolationForestDetector(Detector):
    """scikit-learn's IsolationForest on a sliding window, refitted beside the stream.

    Every `refit_records` records a forest is fitted on the window before them, in a thread, and
    is in force `delay_records` later, whenever its fit ends: if it is late, scoring waits. In
    the beginning, fits are made after 64, 128, 256, ... records, and are in force after a
    quarter as many more; until the first is, scores are 0.

    Attributes:
        window_records: records a forest is fitted on, at the most.
        refit_records: records from one fit to the next.
        delay_records: records from a fit's window to when it is in force.
        trees: of a forest.
        tree_records: records drawn from the window for each tree.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.anomaly.isolation_forest:IsolationForestState"

    _: KW_ONLY
    window_records: int = 2_048
    refit_records: int = 1_024
    delay_records: int = 256
    trees: int = 100
    tree_records: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, window_records=2, trees=2, tree_records=2)
        require_at_least(self, refit_records=1)
        require_at_least(self, delay_records=0)
        behind = self.delay_records <= self.refit_records
        require(self, holds=behind, otherwise="delay_records must not exceed refit_records")


@dataclass(frozen=True)
class AutoencoderDetector(Detector):
    """A deep autoencoder that is trained on the stream; unusual is what it rebuilds badly.

    Attributes:
        hidden: neurons of the encoder's layers; the decoder mirrors them. The last is narrowed
            to two thirds of the row where the row is not wider.
        learning_rate: of Adam.
        passes: steps of training on a block, each with as many earlier records beside it.
        replay_records: earlier records that are trained on again.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.anomaly.autoencoder:AutoencoderState"

    _: KW_ONLY
    hidden: tuple[int, ...] = (32, 8)
    learning_rate: float = 3e-3
    passes: int = 2
    replay_records: int = 1_024

    def __post_init__(self) -> None:
        super().__post_init__()
        layers = len(self.hidden) >= 1 and min(self.hidden) >= 1
        require(self, holds=layers, otherwise="hidden must name at least one layer, none empty")
        require_above_zero(self, "learning_rate")
        require_at_least(self, passes=1)
        require_at_least(self, replay_records=1)


@dataclass(frozen=True)
class HalfSpaceTreesDetector(Detector):
    """River's half-space trees, which learn each record at once and never refit.

    Attributes:
        trees: how many.
        height: of a tree; it has 2^(height + 1) - 1 nodes.
        window_records: records between two updates of what counts as usual.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.anomaly.half_space_trees:HalfSpaceTreesState"

    _: KW_ONLY
    trees: int = 25
    height: int = 8
    window_records: int = 250

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, trees=1, height=1, window_records=1)


@dataclass(frozen=True)
class MahalanobisDetector(Detector):
    """Distance from the concentrated part of a sliding window, by its covariance.

    Attributes:
        window_records: records that the estimate is made of, at the most.
        refit_records: records from one estimate to the next; the first come at 64, 128, ...
        concentrated: share of the window that lies most densely, which the estimate rests on.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.anomaly.mahalanobis:MahalanobisState"

    _: KW_ONLY
    window_records: int = 2_048
    refit_records: int = 512
    concentrated: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, window_records=1, refit_records=1)
        share = 0.5 <= self.concentrated <= 1
        require(self, holds=share, otherwise="concentrated must be 0.5 to 1")


@dataclass(frozen=True)
class TailsDetector(Detector):
    """How far out in the tails of its columns a record lies, by a sliding window.

    Attributes:
        window_records: records that it is compared with, at the most.
        refit_records: records from one window to the next; the first come at 64, 128, ...
    """

    adapter: ClassVar[str] = "aimass_stream.learners.anomaly.tails:TailsState"

    _: KW_ONLY
    window_records: int = 2_048
    refit_records: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, window_records=1, refit_records=1)


@dataclass(frozen=True)
class ExtremesDetector(Detector):
    """How far beyond the tails of its columns a record lies, where nothing was seen yet.

    Others say what share of earlier records was less unusual, so a share of records is alarms
    also where nothing is wrong. This one fits the tails of columns and says how improbable a
    value beyond them is; where nothing is wrong it is silent, and where one number is out of
    all proportion it is sure.

    Attributes:
        alarm_share: a record is an alarm where something as extreme comes so rarely.
        window_records: records that tails are fitted on, at the most.
        refit_records: records from one fit to the next; the first come at 64, 128, ...
    """

    adapter: ClassVar[str] = "aimass_stream.learners.anomaly.extremes:ExtremesState"

    _: KW_ONLY
    alarm_share: float = 0.001
    window_records: int = 2_048
    refit_records: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(self, window_records=64, refit_records=1)


@dataclass(frozen=True)
class EnsembleDetector(Detector):
    """Several detectors that look at the same features.

    Each member's own score is the share of its latest records that were less unusual. By
    `mean`, unusual is what all find unusual, and the score is the mean of theirs. By
    `furthest`, unusual is what any one finds unusual, and the score is the largest share to
    the power of how many they are, which is again a share where they are independent. One that
    is not ready yet has no say. What features are looked at, when alarms begin and how they
    rest is the ensemble's affair, whatever the members say.

    ```python
    EnsembleDetector(
        "behaviour", (IsolationForestDetector("forest"), AutoencoderDetector("autoencoder"))
    )
    ```

    Attributes:
        members: at least two.
        combine: `mean` or `furthest`.
        alarm_share: an alarm is a score of 1 less this.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.anomaly.ensemble:EnsembleState"

    members: tuple[Detector, ...]
    _: KW_ONLY
    combine: Literal["mean", "furthest"] = "mean"
    alarm_share: float = 0.03

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.combine in {"mean", "furthest"}
        require(self, holds=known, otherwise='combine must be "mean" or "furthest"')
        require(self, holds=len(self.members) >= 2, otherwise="members must be at least two")

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's; each member as its kind, its name and its own."""
        members = [
            {"kind": type(member).__name__, "name": member.name, "settings": member.settings}
            for member in self.members
        ]
        return {**settings_of(self), "members": members}


def vector_ensemble(name: str, dimensions: int, **settings: Any) -> EnsembleDetector:
    """Detectors of vectors that see different things, as one.

    An isolation forest sees what is easily cut off, the Mahalanobis distance what breaks the
    dependence between numbers, tails what is extreme in single ones.

    Args:
        name: of the learner.
        dimensions: numbers in a vector.
        settings: of the ensemble, beside these.
    """
    shape: dict[str, Any] = {"features": "vector", "dimensions": dimensions}
    members = (
        IsolationForestDetector("forest", trees=25, refit_records=2_048, **shape),
        MahalanobisDetector("mahalanobis", **shape),
        TailsDetector("tails", **shape),
    )
    return EnsembleDetector(
        name,
        members,
        **{"combine": "furthest", "alarm_share": 0.01, **shape, **settings},
    )
