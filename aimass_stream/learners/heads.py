"""The declaration of a head: a classifier on frozen embeddings that learns from feedback."""

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
from aimass_stream.records import Prediction


@dataclass(frozen=True)
class Head(Learner[Prediction]):
    """Labels embeddings, and learns from the labels that come back later.

    ```python
    intent_head = Head("intent", labels=("refund", "delivery", "other"), dimensions=384)
    ```

    Its log holds embeddings (JSON of `records.Embedding`; the event's `root` says which record
    it stands for) and feedback (JSON of `records.Feedback`). An embedding is answered with a
    `Prediction`, near uniform before anything is learnt; feedback is answered with None.
    Embeddings wait for their label in a bounded memory, by event time. Feedback on a record that
    is not waiting any more is counted and changes nothing. A second label for one record
    replaces the first, as if the first had never come.

    Attributes:
        labels: what it tells apart, at least two; their order breaks ties.
        dimensions: length of an embedding.
        top: labels in `Prediction.scores`.
        ridge: how strongly weights are held towards zero, in labelled records of unit length;
            None learns it from the labels, for as many as there are.
        half_life: labels after which an old label counts half, so that the head follows drift.
        keep_records: embeddings that wait for a label; the oldest go first.
        keep_s: seconds of event time that an embedding waits.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.head_state:HeadState"

    name: str
    labels: tuple[str, ...]
    dimensions: int
    _: KW_ONLY
    top: int = 3
    ridge: float | None = None
    half_life: int = 5_000
    keep_records: int = 10_000
    keep_s: float = 7 * 86_400.0
    block_rows: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self,
            holds=len(set(self.labels)) == len(self.labels) >= 2,
            otherwise="labels must be at least two, each once",
        )
        require_at_least(self, dimensions=1, top=1, half_life=1, keep_records=1)
        require_above_zero(self, "keep_s", *(() if self.ridge is None else ("ridge",)))

    @property
    def answer_type(self) -> type[Prediction]:
        """A label with its probability."""
        return Prediction

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
