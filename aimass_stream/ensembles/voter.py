"""The `Predictor` of `Ensemble`: classifiers that vote on a label. In device processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aimass_stream.ensembles import rules
from aimass_stream.ensembles.combiner import Combiner, scores_of
from aimass_stream.ensembles.members import Member
from aimass_stream.ensembles.poll import Poll
from aimass_stream.errors import RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Prediction, Vote


class Voter(Poll[Prediction]):
    """Makes one label of those that the members say.

    Args:
        spec: the resolved declaration, its `parts` the members.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: a member cannot be loaded, they know other labels than each other, or the
            combiner was fitted for others.
    """

    counts: ClassVar[type[Prediction]] = Prediction

    def __init__(self, spec: ModelSpec, device: str) -> None:
        super().__init__(spec, device)
        options = spec.options
        self._by = str(options["by"])
        self._top = int(options["top"])
        self._confidence = float(options.get("confidence", 0.0))
        self.labels = _agreed_labels(spec.id, self._members)
        self._combiner = Combiner.load(Path(spec.folder)) if self._by == "stacking" else None
        if self._combiner is not None:
            _check_combiner(spec.id, self._combiner, len(self._members), self.labels)

    def _asks_on(self, said: Prediction | RecordError | None) -> bool:
        if self._by != "cascade":
            return True
        return not isinstance(said, Prediction) or said.score < self._confidence

    def _combine(self, said: Sequence[Prediction | None], voters: list[str]) -> Vote:
        return rules.vote_of(self._scores(said), self._top, voters)

    def _scores(self, said: Sequence[Prediction | None]) -> dict[str, float]:
        """The labels' scores, best first, by at least one answer."""
        if self._by == "cascade":
            last = next(one for one in reversed(said) if one is not None)
            # In its own order: scores that are equal as floats had an order before.
            return {last.label: last.score, **scores_of(last)}
        if self._combiner is not None:
            return rules.ranked(self._combiner.combine(said))
        shares = self._shares(said)
        return rules.majority(shares) if self._by == "majority" else rules.average(shares)


def _agreed_labels(model: str, members: Sequence[Member]) -> list[str]:
    """The labels that all members know that tell theirs; empty where none does.

    Raises:
        SetupError: two know different ones.
    """
    told = [
        (member.id, list(labels))
        for member in members
        if (labels := getattr(member.predictor, "labels", None))
    ]
    for other, labels in told[1:]:
        if set(labels) != set(told[0][1]):
            odd = sorted(set(labels) ^ set(told[0][1]))
            raise SetupError(
                f"The members of {model} know different labels: {', '.join(odd[:3])} "
                f"{'is' if len(odd) == 1 else 'are'} known to one of {told[0][0]} and {other} "
                "only. Give both the same names in id2label of their config.json."
            )
    return told[0][1] if told else []


def _check_combiner(model: str, combiner: Combiner, members: int, labels: Sequence[str]) -> None:
    if combiner.members != members or (labels and set(combiner.labels) != set(labels)):
        raise SetupError(
            f"The combiner of {model} was fitted for {combiner.members} members and the labels "
            f"{', '.join(combiner.labels[:5])}; its members are {members}, with the labels "
            f"{', '.join(labels[:5])}. Fit it again."
        )
