"""The `Predictor`s of `NumberEnsemble` and `LabelsEnsemble`. In device processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from aimass_stream.ensembles import rules
from aimass_stream.ensembles.poll import Poll
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Estimate, JointEstimate, JointLabels, Labels


class NumberVoter(Poll[Estimate]):
    """Makes one number of those that the members say, for each name that all of them tell.

    Args:
        spec: the resolved declaration, its `parts` the members.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: a member cannot be loaded.
    """

    counts: ClassVar[type[Estimate]] = Estimate

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device)
        self._rule = rules.median_of if spec.options["by"] == "median" else rules.mean_of

    def _combine(
        self, said: Sequence[Estimate | None], voters: list[str]
    ) -> JointEstimate | RecordError:
        shares = self._shares(said)
        values = self._rule(shares)
        if not values:
            detail = f"{', '.join(voters)} have no name of a number in common"
            return RecordError(Reason.INVALID_OUTPUT, detail)
        return JointEstimate(values, rules.spread_of(shares, values), voters)


class LabelsVoter(Poll[Labels]):
    """Says which labels apply by the mean of the members' probabilities.

    Args:
        spec: the resolved declaration, its `parts` the members.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: a member cannot be loaded.
    """

    counts: ClassVar[type[Labels]] = Labels

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device)
        self._threshold = float(spec.options["threshold"])
        self._top = int(spec.options["top"])

    def _combine(self, said: Sequence[Labels | None], voters: list[str]) -> JointLabels:
        scores = rules.likelihoods(self._shares(said))
        applies = [label for label, score in scores.items() if score >= self._threshold]
        return JointLabels(applies, dict(list(scores.items())[: self._top]), voters)
