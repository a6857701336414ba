"""The declaration of the detector for single values; importing it imports no learning library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import require, require_at_least, settings_of
from aimass_stream.records import Surprise


@dataclass(frozen=True)
class ValueDetector(Learner[Surprise]):
    """One value a record, `{"value": number}`; each key is a series of its own.

    A record is judged by parts: how far its value, its moves and its swing lie outside what the
    series has shown around this time of the day, and how far it is from any earlier value and
    shape. Each part is divided by its own running 99 % quantile; the mean of their logarithms,
    gathered over a few records, is the rarity. Nothing is set per series. After an alarm its
    series rests, but for what is three times as unusual, so that one event raises one alert;
    and each alarm raises the bar for the next, for about a thousand records.

    The score is 1 less the share of ordinary records that are as unusual, by a curve that is
    the same for all series; that of a resting record stays below `alarm_score`.

    Attributes:
        alarm_score: an alarm is a score of at least this, above 0 and below 1.
        warm_records: records of a series to learn before its first alarm.
        rest_records: further records of a series after its alarm that raise none.
        recent_values: earlier values of a series that a value is compared with.
        keys: series remembered; the longest silent go first. Each takes about 30 kB.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.anomaly.values.state:ValueState"

    name: str
    _: KW_ONLY
    block_rows: int = 256
    alarm_score: float = 0.99
    warm_records: int = 150
    rest_records: int = 150
    recent_values: int = 2_000
    keys: int = 2_000

    def __post_init__(self) -> None:
        super().__post_init__()
        share = 0 < self.alarm_score < 1
        require(self, holds=share, otherwise="alarm_score must be above 0 and below 1")
        require_at_least(self, warm_records=1, rest_records=0, recent_values=8, keys=1)

    @property
    def answer_type(self) -> type[Surprise]:
        """How unusual a record is."""
        return Surprise

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
