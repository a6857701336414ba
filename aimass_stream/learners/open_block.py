"""The block that a learner is gathering: each of its inputs is answered once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Generic, TypeVar

InputT = TypeVar("InputT")
AnswerT = TypeVar("AnswerT")
AheadT = TypeVar("AheadT")


@dataclass(slots=True)
class _Gathered(Generic[InputT, AnswerT, AheadT]):
    """A block as far as it has come.

    Attributes:
        ahead: what its inputs have led to.
        inputs: so far.
        answers: one for each.
    """

    ahead: AheadT
    inputs: list[InputT] = field(default_factory=list)
    answers: list[AnswerT] = field(default_factory=list)

    def leads_to(self, inputs: Sequence[InputT]) -> bool:
        """Whether its inputs are the first of these."""
        return len(self.inputs) <= len(inputs) and all(map(is_, self.inputs, inputs))


class OpenBlock(Generic[InputT, AnswerT, AheadT]):
    """Answers the inputs of a block, however few come at once.

    While a block grows, a learner is handed what it has answered again, before what is new. What
    was made of it is kept here, so a record costs the same however few come at once.

    For answers to be the same however many come at once, what is made of an input must not depend
    on the inputs beside it: see `arrays.row_products`.

    Args:
        begin: makes what inputs lead to, as it is before the first of a block.
        answer: answers inputs that follow on those before them, one answer each, and moves what
            these have led to on.
    """

    def __init__(
        self,
        begin: Callable[[], AheadT],
        answer: Callable[[AheadT, Sequence[InputT]], Sequence[AnswerT]],
    ) -> None:
        self._begin, self._answer = begin, answer
        self._gathered: _Gathered[InputT, AnswerT, AheadT] | None = None

    def answers(self, inputs: Sequence[InputT]) -> list[AnswerT]:
        """The answers to a block's inputs, from the first on."""
        return list(self._gather(inputs).answers)

    def ahead(self, inputs: Sequence[InputT]) -> AheadT:
        """What a block's inputs lead to; nobody else changes it before `close`."""
        return self._gather(inputs).ahead

    def close(self) -> None:
        """Forget the block; the next input begins another."""
        self._gathered = None

    def _gather(self, inputs: Sequence[InputT]) -> _Gathered[InputT, AnswerT, AheadT]:
        gathered = self._gathered
        # What raises has moved on by who knows how much, and is not gone on with.
        self._gathered = None
        if gathered is None or not gathered.leads_to(inputs):
            gathered = _Gathered(self._begin())
        new = inputs[len(gathered.inputs) :]
        if new:
            gathered.answers += self._answer(gathered.ahead, new)
            gathered.inputs += new
        self._gathered = gathered
        return gathered
