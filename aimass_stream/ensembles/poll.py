"""Members that are asked about each record, and what they say gathered. In device processes.

What is made of their answers is for `voter.py` (labels) and `joint.py` (numbers, several labels).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from aimass_stream.ensembles import rules
from aimass_stream.ensembles.members import Member, Opened, load_member
from aimass_stream.errors import RecordError
from aimass_stream.model import ModelSpec

SaidT = TypeVar("SaidT")

EVERY_LABEL = 1 << 30
"""The `top` of members: a vote needs all their scores."""

Ballot = list[Any]
"""One record: the input of each member, or the `RecordError` that says why it has none."""
Said = list[SaidT | RecordError | None]
"""What each member says of one record; None where it was not asked."""


class Poll(ABC, Generic[SaidT]):
    """Asks the members and has one answer made of theirs.

    A member that fails on a record, or has no input for it, leaves the vote for that record. Rows
    do not depend on each other, so a record alone and in a batch gets the same answer within what
    the members' own answers allow.

    Attributes:
        counts: what a member's answer must be to count.
        asked_for: settings of members in place of their declarations' own.

    Args:
        spec: the resolved declaration, its `parts` the members; options `quorum`, `weights`.
        device: `cpu` or `cuda:0`.

    Raises:
        SetupError: a member cannot be loaded.
    """

    counts: ClassVar[type[Any]]
    asked_for: ClassVar[Mapping[str, Any]] = MappingProxyType({"top": EVERY_LABEL})

    def __init__(self, spec: ModelSpec, device: str) -> None:
        self._quorum = int(spec.options["quorum"])
        self._members = [load_member(part, device, **self.asked_for) for part in spec.parts]
        told = spec.options.get("weights", [1.0] * len(self._members))
        self._weights = [float(one) for one in told]

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

    def predict(self, inputs: Sequence[Ballot]) -> list[Any | RecordError]:
        """One answer for each ballot, in order, or why too few members answered."""
        answers: list[Said[SaidT]] = [[None] * len(self._members) for _ in inputs]
        rows = list(range(len(inputs)))
        for number, member in enumerate(self._members):
            self._ask(member, number, [(row, inputs[row]) for row in rows], answers)
            rows = [row for row in rows if self._asks_on(answers[row][number])]
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
        answers: list[Said[SaidT]],
    ) -> None:
        """Note what one member says of these rows, or why it says nothing."""
        given = [(row, ballot[number]) for row, ballot in ballots]
        able = [(row, one) for row, one in given if not isinstance(one, RecordError)]
        for row, one in given:
            answers[row][number] = one if isinstance(one, RecordError) else None
        found = member.ask([one for _, one in able])
        for (row, _), answer in zip(able, found, strict=True):
            answers[row][number] = rules.counted(answer, member.id, self.counts)

    def _asks_on(self, said: SaidT | RecordError | None) -> bool:
        """Whether the next member is asked about a record of which one has said this."""
        del said
        return True

    def _decide(self, said: Said[SaidT]) -> Any | RecordError:
        voters = [number for number, one in enumerate(said) if isinstance(one, self.counts)]
        if len(voters) < self._quorum:
            return rules.too_few([one for one in said if one is not None], self._quorum)
        heard = [one if isinstance(one, self.counts) else None for one in said]
        return self._combine(heard, [self._members[one].id for one in voters])

    def _shares(self, said: Sequence[SaidT | None]) -> list[tuple[SaidT, float]]:
        """What was said, each with its share of the weight."""
        found = [(one, self._weights[at]) for at, one in enumerate(said) if one is not None]
        total = sum(weight for _, weight in found)
        return [(one, weight / total) for one, weight in found]

    @abstractmethod
    def _combine(self, said: Sequence[SaidT | None], voters: list[str]) -> Any:
        """One answer of at least one; None where a member said nothing that counts."""


def _ballot(inputs: Ballot) -> Ballot:
    if all(isinstance(one, RecordError) for one in inputs):
        raise inputs[0]
    return inputs
