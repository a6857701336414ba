"""The answer of a learner that watches how good other models' answers are."""

from __future__ import annotations

import msgspec

from aimass_stream.records.surprise import Surprise


class ModelQuality(msgspec.Struct, frozen=True):
    """How good the answers of one version of a model have been of late.

    The first three figures are of the latest answers whose label is known, as each was before
    the label came; None before there is any.

    Attributes:
        model: `name@version`.
        accuracy: share of answers whose label was right.
        brier: mean squared error of the probabilities over all labels, 0 to 2 (Brier 1950).
        calibration_error: by how much confidence and accuracy differ, 0 to 1: the mean over
            bands of confidence, by how many answers lie in each (Naeini, Cooper and Hauskrecht
            2015).
        labelled: answers that these are of.
        distance: how far the latest answers lie from those before, label or no label: the
            Jensen-Shannon distance of their labels and confidences, 0 to 1; None at first.
        answers: answers seen in all.
        labels: answers whose label came.
        corrected: labels that were replaced by another.
        unlabelled: answers that are waited for no more.
    """

    model: str
    accuracy: float | None
    brier: float | None
    calibration_error: float | None
    labelled: int
    distance: float | None
    answers: int
    labels: int
    corrected: int
    unlabelled: int


class Quality(msgspec.Struct, frozen=True):
    """What a label, or an answer, changed about the quality of models.

    Attributes:
        models: those that it changed, in the order in which they answered.
        drift: what drifted, where this record showed it: errors became more, or answers became
            others. Its score is 1 less the probability that chance did it; it is always an
            alarm.
    """

    models: list[ModelQuality]
    drift: Surprise | None = None
