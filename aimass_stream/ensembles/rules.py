"""How the answers of several classifiers become one; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from aimass_stream.ensembles.combiner import scores_of
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Prediction, Vote

Weighted = Sequence[tuple[Prediction, float]]
"""Answers, each with what it weighs; the weights sum up to 1."""


def average(answers: Weighted) -> dict[str, float]:
    """The mean of the probabilities of each label, best first; a label nobody tells has 0."""
    totals: dict[str, float] = {}
    for answer, weight in answers:
        for label, score in scores_of(answer).items():
            totals[label] = totals.get(label, 0.0) + weight * score
    return ranked(totals)


def majority(answers: Weighted) -> dict[str, float]:
    """The share of the weight that each label has behind it, best first.

    Of labels with the same share the one with the better mean probability comes first.
    """
    means = average(answers)
    shares = dict.fromkeys(means, 0.0)
    for answer, weight in answers:
        shares[answer.label] = shares.get(answer.label, 0.0) + weight
    # Sums in another order may differ in their last bit, which is no majority.
    return ranked({label: round(share, 12) for label, share in shares.items()}, means)


def ranked(
    scores: Mapping[str, float], then: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Scores, best first; equal ones by `then`, and by label."""
    second = then or {}
    order = sorted(scores, key=lambda label: (-scores[label], -second.get(label, 0.0), label))
    return {label: min(scores[label], 1.0) for label in order}


def vote_of(scores: Mapping[str, float], top: int, members: list[str]) -> Vote:
    """The answer that these scores, best first, stand for."""
    label = next(iter(scores))
    best = dict(list(scores.items())[:top])
    return Vote(label, scores[label], best, members)


def counted(answer: Any | RecordError, member: str) -> Prediction | RecordError:
    """An answer that may count, or why it may not: it is none, or its numbers are not finite."""
    if isinstance(answer, RecordError):
        return answer
    if not isinstance(answer, Prediction):
        detail = f"{member} answered with a {type(answer).__name__} and no Prediction"
        return RecordError(Reason.INVALID_OUTPUT, detail)
    if not all(map(math.isfinite, (answer.score, *answer.scores.values()))):
        return RecordError(Reason.INVALID_OUTPUT, f"{member}'s scores are not all finite")
    return answer


def too_few(answers: Sequence[Prediction | RecordError], quorum: int) -> RecordError:
    """Why a record that too few members answered has no answer."""
    failures = [answer for answer in answers if isinstance(answer, RecordError)]
    said = len(answers) - len(failures)
    first = failures[0]
    detail = f"{said} of {len(answers)} members answered, {quorum} must: {first.detail}"
    return RecordError(first.reason, detail, first.trace)
