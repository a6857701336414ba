"""How the answers of several models become one; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aimass_stream.ensembles.combiner import scores_of
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Detections, Estimate, Labels, Prediction, Vote

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


def mean_of(answers: Sequence[tuple[Estimate, float]]) -> dict[str, float]:
    """The weighted mean of each number, by names that all of these tell."""
    return {
        name: math.fsum(weight * answer.values[name] for answer, weight in answers)
        for name in _shared_names([answer for answer, _ in answers])
    }


def median_of(answers: Sequence[tuple[Estimate, float]]) -> dict[str, float]:
    """The weighted median of each number: half of the weight is on either side of it.

    Where a value takes the weight to exactly half, it is the mean of it and the next one.
    """
    return {
        name: _median(sorted((answer.values[name], weight) for answer, weight in answers))
        for name in _shared_names([answer for answer, _ in answers])
    }


def spread_of(
    answers: Sequence[tuple[Estimate, float]], values: Mapping[str, float]
) -> dict[str, float]:
    """How far the members lie from these values: the root of the weighted mean square."""
    return {
        name: math.sqrt(
            math.fsum(weight * (answer.values[name] - value) ** 2 for answer, weight in answers)
        )
        for name, value in values.items()
    }


def likelihoods(answers: Sequence[tuple[Labels, float]]) -> dict[str, float]:
    """The mean probability of each label, best first; a label that nobody tells has 0."""
    totals: dict[str, float] = {}
    for answer, weight in answers:
        for label, score in answer.scores.items():
            totals[label] = totals.get(label, 0.0) + weight * score
    return ranked(totals)


def _shared_names(answers: Sequence[Estimate]) -> list[str]:
    others = [answer.values.keys() for answer in answers[1:]]
    return [name for name in answers[0].values if all(name in names for names in others)]


def _median(found: Sequence[tuple[float, float]]) -> float:
    behind = 0.0
    for place, (value, weight) in enumerate(found):
        behind += weight
        # Sums in another order may differ in their last bit.
        if math.isclose(behind, 0.5, abs_tol=1e-12) and place + 1 < len(found):
            return (value + found[place + 1][0]) / 2
        if behind > 0.5:
            return value
    return found[-1][0]


def counted(
    answer: Any | RecordError, member: str, kind: type[Any] = Prediction
) -> Any | RecordError:
    """An answer that may count, or why it may not: it is none, or its numbers are not finite."""
    if isinstance(answer, RecordError):
        return answer
    if not isinstance(answer, kind):
        detail = f"{member} answered with a {type(answer).__name__} and no {kind.__name__}"
        return RecordError(Reason.INVALID_OUTPUT, detail)
    if not all(map(math.isfinite, _numbers_of(answer))):
        return RecordError(Reason.INVALID_OUTPUT, f"{member}'s scores are not all finite")
    return answer


def _numbers_of(answer: Prediction | Estimate | Labels | Detections) -> Iterable[float]:
    if isinstance(answer, Prediction):
        return (answer.score, *answer.scores.values())
    if isinstance(answer, Detections):
        return [number for one in answer.objects for number in (one.score, *one.box)]
    return answer.values.values() if isinstance(answer, Estimate) else answer.scores.values()


def too_few(answers: Sequence[Any | RecordError], quorum: int) -> RecordError:
    """Why a record that too few members answered has no answer."""
    failures = [answer for answer in answers if isinstance(answer, RecordError)]
    said = len(answers) - len(failures)
    first = failures[0]
    detail = f"{said} of {len(answers)} members answered, {quorum} must: {first.detail}"
    return RecordError(first.reason, detail, first.trace)
