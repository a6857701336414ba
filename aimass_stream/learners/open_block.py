"""The block that a learner is gathering: each of its inputs is answered once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Generic, TypeVar

InputT = TypeVar("InputT")
AnswerT = TypeVar("AnswerT")
AheadT = TypeVar("AheadT")


class OpenBlock(Generic[InputT, AnswerT, AheadT]):
    """A block as far as it has come.

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
        self._inputs: list[InputT] = []
        self._answers: list[AnswerT] = []
        self._ahead: AheadT | None = None

    def answers(self, inputs: Sequence[InputT]) -> list[AnswerT]:
        """The answers to a block's inputs, from the first on."""
        self.ahead(inputs)
        return list(self._answers)

    def ahead(self, inputs: Sequence[InputT]) -> AheadT:
        """What a block's inputs lead to, which whoever asks must not change before `close`."""
        ahead = self._ahead
        if ahead is None or not self._leads_to(inputs):
            self.close()
            ahead = self._begin()
        new = inputs[len(self._inputs) :]
        if new:
            # What raises has moved on by who knows how much, and is not gone on with.
            self._ahead = None
            self._answers += self._answer(ahead, new)
            self._inputs += new
        self._ahead = ahead
        return ahead

    def close(self) -> None:
        """Forget the block; the next input begins another."""
        self._inputs, self._answers, self._ahead = [], [], None

    def _leads_to(self, inputs: Sequence[InputT]) -> bool:
        return len(self._inputs) <= len(inputs) and all(map(is_, self._inputs, inputs))
