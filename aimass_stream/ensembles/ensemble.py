"""The declaration of an ensemble; importing it imports no model library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal

from aimass_stream.declaration import require
from aimass_stream.ensembles.declared import check_member, check_readers, takes_of_all
from aimass_stream.errors import ConfigError
from aimass_stream.model import Model
from aimass_stream.records import Prediction, Record, Vote

Rule = Literal["average", "majority", "stacking", "cascade"]
"""How members' answers become one."""

RULES: tuple[Rule, ...] = ("average", "majority", "stacking", "cascade")
"""Every rule."""

WEIGHTED: tuple[Rule, ...] = ("average", "majority")
"""Rules that take weights."""


@dataclass(frozen=True)
class Ensemble(Model[Vote]):
    """Several classifiers that answer each record together, in one device process.

    ```python
    digits = Ensemble("digits-vote", (small, wide), weights=(1, 2))
    digits = Ensemble("digits-stack", (small, wide), by="stacking", combiner="models://stack")
    digits = Ensemble("digits-cascade", (cheap, large), by="cascade", confidence=0.95)
    ```

    Its version is made of those of its members, so an answer's id changes when one of them does.
    A member that fails on a record leaves the vote for that record; the answer says who voted.

    Attributes:
        name: of the whole.
        members: classifiers of the same labels: models whose answers are `Prediction`s, at least
            two. Their `top` does not matter here: each tells all its scores.
        by: `average` of the members' probabilities; `majority`, a vote of one label each;
            `stacking`, a combiner that was fitted on labelled answers; `cascade`, the first
            member, and each next one only for records on which the one before was unsure.
        weights: of the members, above 0, for `average` and `majority`; all alike where none are
            told. `log_odds_weights` makes those of boosting.
        combiner: where `stacking` has its fitted weights: `models://name[@version]` or a folder.
        confidence: score from which on a `cascade` takes an answer.
        quorum: members that must have answered a record; with fewer it is dead-lettered.
        top: labels that an answer tells the scores of.

    Raises:
        ConfigError: a member cannot be one, or a setting's value cannot be.
    """

    adapter: ClassVar[str] = "aimass_stream.ensembles.voter:Voter"

    name: str
    members: Sequence[Model[Any]]
    _: KW_ONLY
    by: Rule = "average"
    weights: Sequence[float] = ()
    combiner: str = ""
    confidence: float = 0.9
    quorum: int = 1
    top: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be asked together."""
        super().__post_init__()
        try:
            # A list would make a frozen declaration that cannot be told from another by its hash.
            object.__setattr__(self, "members", tuple(self.members))
            object.__setattr__(self, "weights", tuple(map(float, self.weights)))
            for member in self.members:
                check_member(self, member)
            problem = self._problem()
        except (TypeError, ValueError) as error:
            problem = f"a setting is of the wrong type: {error}"
        require(self, holds=not problem, otherwise=problem)
        check_readers(self, self.members)

    def _problem(self) -> str:
        count = len(self.members)
        checks = {
            "it has no name": not self.name,
            "give it two members or more": count < 2,
            "a member's answers are no `Prediction`s": not all(
                issubclass(member.answer_type, Prediction) for member in self.members
            ),
            "a member draws at random, so a vote would too": any(
                member.seeded for member in self.members
            ),
            f"by={self.by!r} is none of {', '.join(RULES)}": self.by not in RULES,
            f"by={self.by!r} takes no weights": bool(self.weights) and self.by not in WEIGHTED,
            f"give {count} weights, one for each member": len(self.weights) not in {0, count},
            "weights must be finite and above 0": not all(
                math.isfinite(weight) and weight > 0 for weight in self.weights
            ),
            "stacking needs a combiner, and nothing else takes one": bool(self.combiner)
            != (self.by == "stacking"),
            f"confidence={self.confidence!r} is not within 0 to 1": not 0 <= self.confidence <= 1,
            f"quorum={self.quorum!r} is not within 1 to {count}": not 1 <= self.quorum <= count,
            "a cascade asks one member after the other: it has no quorum": self.by == "cascade"
            and self.quorum > 1,
            f"top={self.top!r} is below 1": self.top < 1,
        }
        return next((text for text, holds in checks.items() if holds), "")

    @property
    def answer_type(self) -> type[Vote]:
        """The type of an answer."""
        return Vote

    @property
    def location(self) -> str:
        """Where the combiner lies; nowhere where there is none."""
        return self.combiner

    @property
    def takes(self) -> str:
        """What its members read."""
        return takes_of_all(self.members)

    @property
    def parts(self) -> Sequence[Model[Any]]:
        """The members."""
        return self.members

    @property
    def options(self) -> Mapping[str, Any]:
        """How the members' answers become one."""
        options: dict[str, Any] = {"by": self.by, "quorum": self.quorum, "top": self.top}
        if self.weights:
            options["weights"] = list(self.weights)
        if self.by == "cascade":
            options["confidence"] = self.confidence
        return options

    def cost(self, record: Record) -> float:
        """The sum of what the record costs each member, whether or not a cascade asks them all."""
        return sum(member.cost(record) for member in self.members)


def log_odds_weights(accuracies: Sequence[float], labels: int) -> tuple[float, ...]:
    """Weights of a `majority` by how often each member is right: those of boosting.

    A member that is right with probability p among K labels weighs ln(p / (1 - p)) + ln(K - 1):
    the weights of SAMME (Zhu, Zou, Rosset and Hastie, Multi-class AdaBoost, 2009), which for two
    labels are AdaBoost's. For members that err independently and evenly it is the best vote there
    is.

    Args:
        accuracies: of the members, on records that none was trained on, 0 to 1; of a perfect one
            999,999 in a million are believed.
        labels: how many there are.

    Raises:
        ConfigError: a member is no better than chance: leave it out.
    """
    weights = []
    for accuracy in accuracies:
        believed = min(accuracy, 1 - 1e-6)
        if labels < 2 or not believed > 1 / labels:
            raise ConfigError(
                f"an accuracy of {accuracy:g} among {labels} labels is no better than chance; "
                "leave this member out"
            )
        weights.append(math.log(believed / (1 - believed)) + math.log(labels - 1))
    return tuple(weights)
