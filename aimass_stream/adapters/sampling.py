"""What a decoder picks at each step, such that a row does not depend on its batch.

Imported in device processes only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor
from transformers.generation.logits_process import (
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from aimass_stream.errors import Reason, RecordError

NO_NUMBERS = RecordError(Reason.INVALID_OUTPUT, "the model's scores are no numbers")
"""Why a text ends for which the model gave no scores."""


class RowSampler(LogitsProcessor):
    """Draws each row's next token from a generator of its own, and leaves no other choice.

    The library draws for a whole batch at once, so what a row gets would depend on its
    neighbours. Behind this, its greedy search picks what was drawn.

    Args:
        seeds: one a row.
        temperature: above 0; below 1 makes the probable more probable.
        top_k: of how many of the best tokens is drawn; 0 for all.
        top_p: of the fewest best tokens that make up this share is drawn.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_k: int, top_p: float) -> None:
        self._draws = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._warpers: list[LogitsProcessor] = [TemperatureLogitsWarper(temperature)]
        if top_k:
            self._warpers.append(TopKLogitsWarper(top_k))
        if top_p < 1:
            self._warpers.append(TopPLogitsWarper(top_p))

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores `(rows, tokens)` in which all but the drawn token are minus infinity."""
        for warper in self._warpers:
            scores = warper(input_ids, scores)
        # What is not a number is found by whoever watches; here it must not fail the others.
        shares = torch.nan_to_num(scores.float()).softmax(dim=1).cpu()
        drawn = [
            torch.multinomial(row, 1, generator=draw)
            for row, draw in zip(shares, self._draws, strict=True)
        ]
        chosen = torch.stack(drawn).to(scores.device)
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)


class EachRow(LogitsProcessor):
    """Lets each row of a batch have processors of its own.

    Args:
        rows: for each row its `LogitsProcessorList`.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores `(rows, tokens)`, each row's as its own processors leave it."""
        if not any(self._rows):
            return scores
        return torch.cat(
            [
                own(input_ids[at : at + 1], scores[at : at + 1]) if own else scores[at : at + 1]
                for at, own in enumerate(self._rows)
            ]
        )


class Watch(LogitsProcessor):
    """Notes the rows whose scores are no numbers; minus infinity is how tokens are forbidden.

    Attributes:
        broken: a truth value for each row, beams counted as rows; None before the first step.
    """

    def __init__(self) -> None:
        self.broken: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores as they are."""
        del input_ids
        found = (torch.isnan(scores) | torch.isposinf(scores)).any(dim=1).cpu()
        self.broken = found if self.broken is None else self.broken | found
        return scores

    def rows(self, count: int) -> list[bool]:
        """For each of so many rows whether it is broken."""
        if self.broken is None:
            return [False] * count
        found: list[bool] = self.broken.view(count, -1).any(dim=1).tolist()
        return found
