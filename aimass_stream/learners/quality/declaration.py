"""The declaration of a watch on the quality of models; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import Quality


@dataclass(frozen=True)
class QualityWatch(Learner[Quality]):
    """Holds answers beside their labels, for each version of each model that answers.

    ```python
    intent_quality = QualityWatch("intent-quality", labels=("refund", "delivery", "other"))

    app.feed(intent_quality, Topic(learned_intents.name, Record))  # what a model said
    app.feed(intent_quality, feedback)  # what it was
    ```

    Its log holds answers with the model that gave each (`app.feed` writes them so), and feedback
    (JSON of `records.Feedback`). A label may come before its answer or long after it, and
    concerns every model that answered its record. A second one that says the same changes
    nothing; one that says something else replaces the first in all figures that still hold it.
    A label that is none of `labels` is dead-lettered.

    It answers labels that change a figure, and answers that show a drift. Errors drift by ADWIN
    (Bifet and Gavalda 2007) over labels as they come, when they become more. Answers drift, with
    no label at all, when `window_records` of them differ from those before by
    `least_distance`, and by more than chance explains (a G-test).

    Attributes:
        labels: what the models tell apart, at least two.
        part: of answers that hold several, the name of the one that is watched (`intent` of an
            `Understanding`); what has no such part is watched as a whole.
        window_records: latest labels that figures are of, and answers that are compared.
        warm_records: first answers of a model that are compared with nothing.
        drift_chance: how probable it may be that chance alone looks like a drift, above 0 and
            below 0.5.
        least_distance: Jensen-Shannon distance from which on answers count as others, 0 to 1.
        bands: of confidence, for calibration.
        models: versions that are watched; the one longest silent goes first.
        keep_records: answers that wait for a label, and labels that wait for an answer.
        keep_s: seconds of event time that each waits.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.quality.state:QualityState"
    reads_models: ClassVar[bool] = True

    name: str
    labels: tuple[str, ...]
    _: KW_ONLY
    part: str = ""
    window_records: int = 500
    warm_records: int = 200
    drift_chance: float = 0.002
    least_distance: float = 0.15
    bands: int = 10
    models: int = 8
    keep_records: int = 10_000
    keep_s: float = 7 * 86_400.0
    block_rows: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self,
            holds=len(set(self.labels)) == len(self.labels) >= 2,
            otherwise="labels must be at least two, each once",
        )
        chance = 0 < self.drift_chance < 0.5
        require(self, holds=chance, otherwise="drift_chance must be above 0 and below 0.5")
        distance = 0 <= self.least_distance <= 1
        require(self, holds=distance, otherwise="least_distance must be 0 to 1")
        require_above_zero(self, "keep_s")
        require_at_least(self, window_records=10, warm_records=0, bands=1, models=1)
        require_at_least(self, keep_records=1)

    @property
    def answer_type(self) -> type[Quality]:
        """The figures of models."""
        return Quality

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
