"""What a watch answers is what the worker shows."""

from prometheus_client import REGISTRY

from aimass_stream.records import ModelQuality, Prediction, Quality
from aimass_stream.runtime.quality_metrics import show_quality


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"model": "shown@1", **labels})


def test_figures_that_are_known_are_shown_and_the_others_left_out() -> None:
    early = ModelQuality("shown@1", None, None, None, 0, None, 7, 0, 0, 2)
    show_quality([Prediction("a", 0.5), None, Quality([early])])
    assert shown("aimass_accuracy_ratio") is None
    assert shown("aimass_labels", outcome="unlabelled") == 2
    later = ModelQuality("shown@1", 0.75, 0.4, 0.1, 8, 0.2, 20, 8, 1, 2)
    show_quality([Quality([early]), Quality([later])])
    assert shown("aimass_accuracy_ratio") == 0.75
    assert shown("aimass_brier_score") == 0.4
    assert shown("aimass_calibration_error_ratio") == 0.1
    assert shown("aimass_answer_distance_ratio") == 0.2
    assert shown("aimass_labels", outcome="learnt") == 8
    assert shown("aimass_labels", outcome="corrected") == 1
