"""The declarations of ensembles on numbers, labels and boxes; they import no model library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from aimass_stream.ensembles.declared import check_member
from aimass_stream.errors import ConfigError
from aimass_stream.model import Model
from aimass_stream.records import (
    Detections,
    Estimate,
    JointDetections,
    JointEstimate,
    JointLabels,
    Labels,
    Record,
)

JointT = TypeVar("JointT", JointDetections, JointEstimate, JointLabels)

_HOME = "aimass_stream.ensembles.joint_voters:"


@dataclass(frozen=True)
class JointModel(Model[JointT], Generic[JointT]):
    """Base of ensembles whose members are all asked, and answer with more than one label.

    Its version is made of those of its members. A member that fails on a record leaves the vote
    for that record; the answer says who voted.

    Attributes:
        counts: what a member's answers must be.
        name: of the whole.
        members: at least two.
        weights: of the members, above 0; all alike where none are told.
        quorum: members that must have answered a record; with fewer it is dead-lettered.

    Raises:
        ConfigError: a member cannot be one, or a setting's value cannot be.
    """

    counts: ClassVar[type[Any]]

    name: str
    members: Sequence[Model[Any]]
    _: KW_ONLY
    weights: Sequence[float] = ()
    quorum: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be asked together."""
        # A list would make a frozen declaration that cannot be told from another by its hash.
        object.__setattr__(self, "members", tuple(self.members))
        object.__setattr__(self, "weights", tuple(map(float, self.weights)))
        for member in self.members:
            check_member(self, member)
        problem = next((text for text, holds in self._checks().items() if holds), "")
        if problem:
            raise ConfigError(f"{type(self).__name__}({self.name!r}): {problem}")

    def _checks(self) -> dict[str, bool]:
        count = len(self.members)
        return {
            "it has no name": not self.name,
            "give it two members or more": count < 2,
            f"a member's answers are no `{self.counts.__name__}`s": not all(
                issubclass(member.answer_type, self.counts) for member in self.members
            ),
            "a member draws at random, so a vote would too": any(
                member.seeded for member in self.members
            ),
            f"give {count} weights, one for each member": len(self.weights) not in {0, count},
            "weights must be finite and above 0": not all(
                math.isfinite(weight) and weight > 0 for weight in self.weights
            ),
            f"quorum={self.quorum!r} is not within 1 to {count}": not 1 <= self.quorum <= count,
        }

    @property
    def location(self) -> str:
        """Nowhere: all it has are its members."""
        return ""

    @property
    def parts(self) -> Sequence[Model[Any]]:
        """The members."""
        return self.members

    @property
    def options(self) -> Mapping[str, Any]:
        """How the members' answers become one."""
        options: dict[str, Any] = {"quorum": self.quorum}
        if self.weights:
            options["weights"] = list(self.weights)
        return options

    def cost(self, record: Record) -> float:
        """The sum of what the record costs each member."""
        return sum(member.cost(record) for member in self.members)


@dataclass(frozen=True)
class NumberEnsemble(JointModel[JointEstimate]):
    """Several models that estimate numbers, asked together.

    ```python
    price = NumberEnsemble("price", (forest, line), by="median")
    ```

    Attributes:
        by: `mean`, or `median`, which one member that is far off cannot move.
    """

    adapter: ClassVar[str] = _HOME + "NumberVoter"
    counts: ClassVar[type[Estimate]] = Estimate

    by: Literal["mean", "median"] = "mean"

    def _checks(self) -> dict[str, bool]:
        checks = super()._checks()
        checks[f"by={self.by!r} is neither mean nor median"] = self.by not in {"mean", "median"}
        return checks

    @property
    def answer_type(self) -> type[JointEstimate]:
        """The type of an answer."""
        return JointEstimate

    @property
    def options(self) -> Mapping[str, Any]:
        """How the members' answers become one."""
        return {**super().options, "by": self.by}


@dataclass(frozen=True)
class LabelsEnsemble(JointModel[JointLabels]):
    """Several models that say which labels apply, asked together.

    ```python
    topics = LabelsEnsemble("topics", (small, large), weights=(1, 2), threshold=0.4)
    ```

    Attributes:
        threshold: mean probability from which on a label applies; those of members do not count.
        top: labels that an answer tells the scores of.
    """

    adapter: ClassVar[str] = _HOME + "LabelsVoter"
    counts: ClassVar[type[Labels]] = Labels

    threshold: float = 0.5
    top: int = 3

    def _checks(self) -> dict[str, bool]:
        checks = super()._checks()
        checks[f"threshold={self.threshold!r} is not within 0 to 1"] = not 0 <= self.threshold <= 1
        checks[f"top={self.top!r} is below 1"] = self.top < 1
        return checks

    @property
    def answer_type(self) -> type[JointLabels]:
        """The type of an answer."""
        return JointLabels

    @property
    def options(self) -> Mapping[str, Any]:
        """How the members' answers become one."""
        return {**super().options, "threshold": self.threshold, "top": self.top}


@dataclass(frozen=True)
class BoxesEnsemble(JointModel[JointDetections]):
    """Several detectors that say what is where, asked together.

    ```python
    street = BoxesEnsemble("street", (d_fine, yolox), weights=(2, 1), threshold=0.3)
    ```

    Their boxes are fused by weight (`aimass_stream.ensembles.boxes`). A member's own `threshold`
    and `top` say what it brings into the vote.

    Attributes:
        least_overlap: intersection over union, above which boxes of one label are of one thing.
        threshold: objects below this score are left out.
        top: objects at the most.
    """

    adapter: ClassVar[str] = _HOME + "BoxesVoter"
    counts: ClassVar[type[Detections]] = Detections

    least_overlap: float = 0.55
    threshold: float = 0.5
    top: int = 100

    def _checks(self) -> dict[str, bool]:
        checks = super()._checks()
        for name in ("least_overlap", "threshold"):
            value = getattr(self, name)
            checks[f"{name}={value!r} is not within 0 to 1"] = not 0 <= value <= 1
        checks[f"top={self.top!r} is below 1"] = self.top < 1
        return checks

    @property
    def answer_type(self) -> type[JointDetections]:
        """The type of an answer."""
        return JointDetections

    @property
    def takes(self) -> str:
        """Images."""
        return "Image"

    @property
    def options(self) -> Mapping[str, Any]:
        """How the members' answers become one."""
        own = {"least_overlap": self.least_overlap, "threshold": self.threshold, "top": self.top}
        return {**super().options, **own}
