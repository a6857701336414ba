"""The `Predictor` of `Ensemble`: its members, asked one after another. In device processes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from aimass_stream.ensembles import rules
from aimass_stream.ensembles.combiner import Combiner, scores_of
from aimass_stream.ensembles.members import Member, Opened, load_member
from aimass_stream.errors import RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Prediction, Vote

EVERY_LABEL = 1 << 30
"""The `top` of members: a vote needs all their scores."""

Ballot = list[Any]
"""One record: the input of each member, or the `RecordError` that says why it has none."""
Answers = list[Prediction | RecordError | None]
"""What each member says of one record; None where it was not asked."""


class Voter:
    """Asks the members and makes one answer of theirs.

    A member that fails on a record, or has no input for it, leaves the vote for that record. Rows
    do not depend on each other, so a record alone and in a batch gets the same answer within what
    the members' own answers allow.

    Args:
        spec: the resolved declaration, its `parts` the members.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: a member cannot be loaded, they know other labels than each other, or the
            combiner was fitted for others.
    """

    def __init__(self, spec: ModelSpec, device: str) -> None:
        options = spec.options
        self._by = str(options["by"])
        self._quorum = int(options["quorum"])
        self._top = int(options["top"])
        self._confidence = float(options.get("confidence", 0.0))
        self._members = [load_member(part, device, top=EVERY_LABEL) for part in spec.parts]
        self._weights = [float(one) for one in options.get("weights", [1.0] * len(self._members))]
        self.labels = _agreed_labels(spec.id, self._members)
        self._combiner = Combiner.load(Path(spec.folder)) if self._by == "stacking" else None
        if self._combiner is not None:
            _check_combiner(spec.id, self._combiner, len(self._members), self.labels)

    @property
    def opening(self) -> Hashable:
        """What all members depend on when they open a payload; None where they differ."""
        found = {
            None if member.sharing is None else member.sharing.opening for member in self._members
        }
        return found.pop() if len(found) == 1 else None

    @property
    def preparing(self) -> Hashable:
        """None: each member prepares its own."""
        return None

    def decode(self, payload: bytes | memoryview) -> Ballot:
        """One payload as the members take it; several threads may call at once.

        Raises:
            RecordError: no member can take it; the first one's reason.
        """
        opened = Opened(payload)
        return _ballot([opened.input_of(member) for member in self._members])

    def open(self, payload: bytes | memoryview) -> Any:
        """What the payload stands for, where all members open it alike.

        Raises:
            RecordError: it cannot be opened.
        """
        sharing = self._members[0].sharing
        if sharing is None:
            raise TypeError("a member decodes in one step")
        return sharing.open(payload)

    def prepare(self, opened: Any) -> Ballot:
        """The members' inputs, made of what was opened.

        Raises:
            RecordError: no member can take it; the first one's reason.
        """
        given = Opened.of(opened, self.opening)
        return _ballot([given.input_of(member) for member in self._members])

    def predict(self, inputs: Sequence[Ballot]) -> list[Vote | RecordError]:
        """One answer for each ballot, in order, or why too few members answered."""
        answers: list[Answers] = [[None] * len(self._members) for _ in inputs]
        rows = list(range(len(inputs)))
        for number, member in enumerate(self._members):
            self._ask(member, number, [(row, inputs[row]) for row in rows], answers)
            if self._by == "cascade":
                rows = [row for row in rows if self._is_unsure(answers[row][number])]
        return [self._decide(said) for said in answers]

    def close(self) -> None:
        """Close the members."""
        for member in self._members:
            member.predictor.close()

    def _ask(
        self,
        member: Member,
        number: int,
        ballots: Sequence[tuple[int, Ballot]],
        answers: list[Answers],
    ) -> None:
        """Note what one member says of these rows, or why it says nothing."""
        given = [(row, ballot[number]) for row, ballot in ballots]
        able = [(row, one) for row, one in given if not isinstance(one, RecordError)]
        for row, one in given:
            answers[row][number] = one if isinstance(one, RecordError) else None
        found = member.ask([one for _, one in able])
        for (row, _), answer in zip(able, found, strict=True):
            answers[row][number] = rules.counted(answer, member.id)

    def _is_unsure(self, answer: Prediction | RecordError | None) -> bool:
        return not isinstance(answer, Prediction) or answer.score < self._confidence

    def _decide(self, said: Answers) -> Vote | RecordError:
        voters = [number for number, one in enumerate(said) if isinstance(one, Prediction)]
        if len(voters) < self._quorum:
            return rules.too_few([one for one in said if one is not None], self._quorum)
        scores = self._combine([one if isinstance(one, Prediction) else None for one in said])
        return rules.vote_of(scores, self._top, [self._members[one].id for one in voters])

    def _combine(self, said: Sequence[Prediction | None]) -> dict[str, float]:
        """The labels' scores, best first, by at least one answer."""
        found = [(one, self._weights[place]) for place, one in enumerate(said) if one is not None]
        if self._by == "cascade":
            last, _ = found[-1]
            # In its own order: scores that are equal as floats had an order before.
            return {last.label: last.score, **scores_of(last)}
        if self._combiner is not None:
            return rules.ranked(self._combiner.combine(said))
        total = sum(weight for _, weight in found)
        shares = [(one, weight / total) for one, weight in found]
        return rules.majority(shares) if self._by == "majority" else rules.average(shares)


def _ballot(inputs: Ballot) -> Ballot:
    if all(isinstance(one, RecordError) for one in inputs):
        raise inputs[0]
    return inputs


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
