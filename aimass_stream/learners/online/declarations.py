"""The declarations of online learners; importing them imports no learning library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal, TypeVar, get_args

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import Estimate, Prediction

AnswerT = TypeVar("AnswerT")

RiverKind = Literal[
    "adaptive-random-forest",
    "hoeffding-tree",
    "linear",
    "mondrian-forest",
    "nearest-neighbours",
    "random-patches",
]
"""A model of River, which learns each record when it comes."""

RefittedKind = Literal[
    "decision-tree",
    "extra-trees",
    "perceptron",
    "random-forest",
    "regression",
    "support-vectors",
]
"""An estimator of scikit-learn, fitted anew on the latest records again and again."""

Kind = RiverKind | RefittedKind

RIVER: tuple[RiverKind, ...] = get_args(RiverKind)
REFITTED: tuple[RefittedKind, ...] = get_args(RefittedKind)

KINDS: tuple[Kind, ...] = (*RIVER, *REFITTED)
"""Every kind of a single model; an ensemble is made of several of them."""

_ENSEMBLES = ("stacking", "voting")


@dataclass(frozen=True)
class OnlineLearner(Learner[AnswerT]):
    """What classifiers and regressors of numbers are told.

    A record is a JSON object of numbers: those named by `fields`, or a list of `dimensions`
    numbers under `x`. Where it says its target as well, it is scored, and then learnt with that
    target. Where it does not, its numbers wait in a bounded memory for a `Feedback` that names
    the record. Feedback on a record that does not wait (any more) is counted and changes
    nothing, and neither does a second target for one record: trees cannot unlearn the first.

    Kinds that learn each record: `adaptive-random-forest` (Gomes et al. 2017), `random-patches`
    (Gomes, Read and Bifet 2019), `mondrian-forest` (aggregated; Mourtada, Gaiffas and Scornet
    2021), `hoeffding-tree` (adaptive; Bifet and Gavaldà 2009), `linear`, and
    `nearest-neighbours` in a sliding window. Kinds that are fitted anew, beside the stream, on
    the latest records: `extra-trees` (Geurts, Ernst and Wehenkel 2006), `random-forest` (Breiman
    2001), `decision-tree`, `support-vectors`, `regression` (logistic, or ridge for a number), and
    `perceptron` (averaged; Freund and Schapire 1999; labels only). A fit is due when a tenth more
    records have come, and is in force from a fixed record on.

    `voting` answers with the mean of `members`; `stacking` learns how far each of them is to be
    trusted from what each answered before it learnt the target (Wolpert 1992).

    Attributes:
        fields: the names of the numbers in a record; empty where they are a list under `x`.
        dimensions: numbers in the list under `x`; 0 where `fields` names them.
        kind: a kind above, `voting` or `stacking`.
        members: kinds of the ensemble's members.
        target: the field of a record that says its target, where it is known at once.
        trees: of a forest.
        tree_depth: levels of a tree; what bounds the memory of all trees but Mondrian ones.
        tree_nodes: nodes of a Mondrian tree, which then grows no further.
        neighbours: that are asked.
        window_records: records that neighbours are looked for in.
        learning_rate: of the linear model.
        fit_records: latest records that a kind is fitted anew on; support vectors on 4,000 at
            the most.
        refit_records: records from one fit to the next, at the most.
        refit_trees: of a forest that is fitted anew.
        keep_records: records that wait for a target; the oldest go first.
        keep_s: seconds of event time that a record waits.
        seed: of everything random.

    Raises:
        ConfigError: a value makes no sense.
    """

    name: str
    _: KW_ONLY
    fields: tuple[str, ...] = ()
    dimensions: int = 0
    kind: Kind | Literal["voting", "stacking"] = "stacking"
    members: tuple[Kind, ...] = (
        "adaptive-random-forest",
        "extra-trees",
        "linear",
        "mondrian-forest",
    )
    target: str = "label"
    trees: int = 10
    tree_depth: int = 12
    tree_nodes: int = 4_096
    neighbours: int = 10
    window_records: int = 2_000
    learning_rate: float = 0.05
    fit_records: int = 10_000
    refit_records: int = 1_000
    refit_trees: int = 100
    keep_records: int = 10_000
    keep_s: float = 7 * 86_400.0
    seed: int = 0
    block_rows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        named = len(self.fields) >= 1
        fits = named != (self.dimensions >= 1) and self.dimensions >= 0
        require(self, holds=fits, otherwise="give either fields or dimensions")
        once = len(set(self.fields)) == len(self.fields) and self.target not in self.fields
        require(self, holds=once, otherwise="fields must differ from each other and from target")
        free = bool(self.target) and self.target not in {"record", "x"}
        require(self, holds=free, otherwise='target must be a name other than "record" and "x"')
        known = self.kind in (*KINDS, *_ENSEMBLES)
        require(self, holds=known, otherwise=f"kind must be one of {', '.join(KINDS + _ENSEMBLES)}")
        require(
            self,
            holds=len(set(self.members)) == len(self.members) >= 2
            and set(self.members) <= {*KINDS},
            otherwise=f"members must be at least two of {', '.join(KINDS)}, each once",
        )
        require_at_least(
            self,
            trees=1,
            tree_depth=1,
            tree_nodes=3,
            neighbours=1,
            window_records=1,
            fit_records=1,
            refit_records=1,
            refit_trees=1,
            keep_records=1,
            seed=0,
        )
        require_above_zero(self, "learning_rate", "keep_s")

    @property
    def numbers(self) -> int:
        """How many numbers a record has."""
        return self.dimensions or len(self.fields)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)


@dataclass(frozen=True)
class OnlineClassifier(OnlineLearner[Prediction]):
    """Labels records of numbers, and learns their labels record by record.

    ```python
    churn = OnlineClassifier("churn", labels=("stays", "leaves"), fields=("age", "visits"))
    ```

    `{"age": 41, "visits": 3}` is answered with a `Prediction`; `{"age": 41, "visits": 3,
    "label": "stays"}` likewise, and then learnt; `{"record": "visits/0/17", "label": "leaves"}`
    is feedback, which is answered with None. Before anything is learnt all labels are equal.

    Attributes:
        labels: what it tells apart, at least two; their order breaks ties.
        top: labels in `Prediction.scores`.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.online.state:ClassifierState"

    _: KW_ONLY
    labels: tuple[str, ...]
    top: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self,
            holds=len(set(self.labels)) == len(self.labels) >= 2,
            otherwise="labels must be at least two, each once",
        )
        require_at_least(self, top=1)

    @property
    def answer_type(self) -> type[Prediction]:
        """A label with its probability."""
        return Prediction


@dataclass(frozen=True)
class OnlineRegressor(OnlineLearner[Estimate]):
    """Estimates a number from numbers, and learns record by record.

    ```python
    rides = OnlineRegressor("rides", fields=("hour", "temperature"), target="rides")
    ```

    The number comes in the record's own field `target`, or later as feedback whose `label` is
    the number as text. The estimate bears the name of `target`. Before anything is learnt it
    is 0.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.online.state:RegressorState"

    _: KW_ONLY
    target: str = "value"

    def __post_init__(self) -> None:
        super().__post_init__()
        asked = self.members if self.kind in _ENSEMBLES else (self.kind,)
        only = "perceptron tells labels apart and estimates no number"
        require(self, holds="perceptron" not in asked, otherwise=only)

    @property
    def answer_type(self) -> type[Estimate]:
        """A number."""
        return Estimate
