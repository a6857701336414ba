"""The quality of models as live metrics, from the answers of the learner that watches them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aimass_stream.metrics import ACCURACY, ANSWER_DISTANCE, BRIER, CALIBRATION_ERROR, LABELS
from aimass_stream.records import ModelQuality, Quality


def show_quality(answers: Iterable[Any]) -> None:
    """Set the gauges of every model that these answers speak of; other answers are passed over."""
    for answer in answers:
        if isinstance(answer, Quality):
            for model in answer.models:
                _show(model)


def _show(quality: ModelQuality) -> None:
    figures = (
        (ACCURACY, quality.accuracy),
        (BRIER, quality.brier),
        (CALIBRATION_ERROR, quality.calibration_error),
        (ANSWER_DISTANCE, quality.distance),
    )
    for gauge, figure in figures:
        if figure is not None:
            gauge.labels(quality.model).set(figure)
    for outcome, count in (
        ("learnt", quality.labels),
        ("corrected", quality.corrected),
        ("unlabelled", quality.unlabelled),
    ):
        LABELS.labels(quality.model, outcome).set(count)
