"""The `Predictor`s of ensembles on numbers, labels and boxes. In device processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from aimass_stream.ensembles import rules
from aimass_stream.ensembles.boxes import fuse
from aimass_stream.ensembles.poll import Poll
from aimass_stream.errors import Reason, RecordError
from aimass_stream.model import ModelSpec
from aimass_stream.records import (
    Detections,
    Estimate,
    JointDetections,
    JointEstimate,
    JointLabels,
    Labels,
)


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


class BoxesVoter(Poll[Detections]):
    """Says what is where by the fused boxes of the members.

    Args:
        spec: the resolved declaration, its `parts` the members.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: a member cannot be loaded.
    """

    counts: ClassVar[type[Detections]] = Detections
    asked_for: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device)
        self._least_overlap = float(spec.options["least_overlap"])
        self._threshold = float(spec.options["threshold"])
        self._top = int(spec.options["top"])

    def _combine(
        self, said: Sequence[Detections | None], voters: list[str]
    ) -> JointDetections | RecordError:
        shares = self._shares(said)
        sizes = {(one.width, one.height) for one, _ in shares}
        if len(sizes) != 1:
            detail = f"{', '.join(voters)} do not tell of an image of one size"
            return RecordError(Reason.INVALID_OUTPUT, detail)
        ((width, height),) = sizes
        objects = fuse([(one.objects, weight) for one, weight in shares], self._least_overlap)
        good = [one for one in objects if one.score >= self._threshold]
        return JointDetections(width, height, good[: self._top], voters)
