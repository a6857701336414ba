"""The declaration of a learner that proposes versions; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import require, require_at_least, settings_of
from aimass_stream.records import Proposal
from aimass_stream.transforms.chain import Chain, Kind


@dataclass(frozen=True)
class Proposer(Learner[Proposal]):
    """Fits a chain and an estimator again and again, on the latest records of a stream.

    ```python
    prices = Proposer(
        "prices-fit",
        model="prices",
        chain=Chain(Fields(("rooms", "area", "floor")), Impute(), VarianceThreshold(0.1)),
        estimator="LinearRegression",
        target="price",
    )
    ```

    Its log holds JSON objects. Every `refit_records` all that has to be fitted is fitted on a
    sliding window, and the next record is answered with what came of it, a `Proposal`; all others
    are answered with None. What was fitted answers no record: it becomes a version when somebody
    says so. A fit that is not possible, because there is but one class so far, proposes nothing.

    Attributes:
        model: the name in the registry of what it is to be a version of.
        chain: of this package's steps, from a JSON object to columns; some have to be fitted.
        estimator: a class of scikit-learn's, by name, of those that `Sklearn` serves.
        arguments: of that class; where it draws at random, its `random_state` is 0 unless told.
        target: the field of a record that says what is to be learnt of it; empty for clusters.
        window_records: records that are fitted on, at the most.
        refit_records: records from one fit to the next.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.training.proposing:ProposerState"

    name: str
    _: KW_ONLY
    model: str
    chain: Chain
    estimator: str
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    target: str = ""
    window_records: int = 5_000
    refit_records: int = 1_000

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, holds=bool(self.model), otherwise="say which model it proposes versions of")
        is_chain = isinstance(self.chain, Chain) and self.chain.takes is Kind.OBJECT
        text = "chain must be a Chain that begins with a JSON object, and ends with columns"
        require(self, holds=is_chain and self.chain.gives is Kind.VECTOR, otherwise=text)
        ours = is_chain and all(":" not in step["step"] for step in self.chain.plain())
        require(self, holds=ours, otherwise="a folder may not name steps of other packages")
        require(self, holds=bool(self.estimator), otherwise="name an estimator")
        require_at_least(self, window_records=2, refit_records=1)

    @property
    def answer_type(self) -> type[Proposal]:
        """What would be the next version."""
        return Proposal

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return {
            **settings_of(self),
            "chain": self.chain.plain(),
            "arguments": dict(self.arguments),
        }
