"""YOLOX from a description: what is refused, and boxes in pixels of the image as it was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("yolox")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(300)]

from aimass_stream.adapters.vision import Seen  # noqa: E402 - only where the package is there
from aimass_stream.adapters.yolox_detection import GridDetector, configure  # noqa: E402
from aimass_stream.errors import Reason, RecordError, SetupError  # noqa: E402

NOTHING = [0.0] * 7
SIZE = {"depth": 0.33, "width": 0.125, "test_size": [64, 96]}


class Written(torch.nn.Module):
    """In place of a network: rows of centre, width, height, sureness, and a score a class."""

    def __init__(self, rows: Any) -> None:
        super().__init__()
        self.rows = torch.nn.Parameter(torch.tensor(rows))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.rows.detach()[None].repeat(len(images), 1, 1)


def detect(rows: Any, image: Any, threshold: float = 0.3) -> dict[str, torch.Tensor]:
    found = GridDetector(Written(rows), configure(2, SIZE), threshold)
    prepared = found.prepare(image)
    assert prepared.shape == (3, 64, 96)
    (answer,) = found([Seen(prepared, image.shape[1], image.shape[0])])
    return answer


def test_weaker_overlaps_and_weak_boxes_go() -> None:
    rows = [
        [20.0, 20.0, 20.0, 20.0, 0.9, 0.9, 0.1],
        [21.0, 20.0, 20.0, 20.0, 0.9, 0.8, 0.1],
        [21.0, 20.0, 20.0, 20.0, 0.9, 0.1, 0.7],
        [70.0, 40.0, 10.0, 10.0, 0.5, 0.5, 0.1],
    ]
    found = detect(rows, np.zeros((64, 96, 3), np.uint8))
    assert found["labels"].tolist() == [0, 1]
    np.testing.assert_allclose(found["scores"], [0.81, 0.63], atol=1e-6)
    np.testing.assert_allclose(found["boxes"][0], [10, 10, 30, 30])


def test_boxes_are_in_pixels_of_the_image_that_was_sent() -> None:
    # 300 x 100 fits into 96 x 64 at 0.32.
    rows = [[48.0, 16.0, 32.0, 16.0, 1.0, 1.0, 0.0], NOTHING]
    found = detect(rows, np.zeros((100, 300, 3), np.uint8))
    np.testing.assert_allclose(found["boxes"][0], [100, 25, 200, 75], rtol=1e-5)


def test_numbers_that_are_not_finite_are_no_answer() -> None:
    rows = [[48.0, 16.0, np.nan, 16.0, 1.0, 1.0, 0.0], NOTHING]
    found = detect(rows, np.zeros((64, 96, 3), np.uint8))
    assert not torch.isfinite(found["scores"]).all()


def test_what_is_too_thin_for_the_frame_costs_its_record() -> None:
    found = GridDetector(Written([NOTHING]), configure(2, SIZE), 0.3)
    with pytest.raises(RecordError) as caught:
        found.prepare(np.zeros((1, 500, 3), np.uint8))
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"output_dir": "x"}, "takes no output_dir"),
        ({"test_size": [100, 64]}, "in steps of 32"),
        ({"test_size": [64]}, "in steps of 32"),
        ({"test_size": [32_000, 32_000]}, "in steps of 32"),
    ],
)
def test_arguments_that_cannot_be_are_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(SetupError, match=text):
        configure(2, {**SIZE, **wrong})


def test_a_classifier_is_not_made_of_a_detector(tmp_path: Path) -> None:
    from aimass_stream.adapters.architecture import Architecture, build

    with pytest.raises(SetupError, match="declare it for object-detection"):
        build(tmp_path, Architecture("yolox", ["a"]), detects=False)
