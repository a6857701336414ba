"""Votes on boxes: what is fused, what is not, and how sure the whole is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aimass_stream.ensembles.boxes import fuse
from aimass_stream.ensembles.joint import BoxesEnsemble
from aimass_stream.ensembles.joint_voters import BoxesVoter
from aimass_stream.errors import ConfigError
from aimass_stream.records import Detection, JointDetections
from aimass_stream.registry.folder import resolve
from tests.ensembles.fakes import Boxes, Scripted


def one(score: float, box: tuple[float, float, float, float], label: str = "car") -> Detection:
    return Detection(label, score, box)


def fused(*found: Sequence[Detection], weights: Sequence[float] = ()) -> list[Detection]:
    return fuse(list(zip(found, weights or [1.0] * len(found), strict=True)), 0.55)


def test_boxes_of_one_thing_become_their_mean_by_score() -> None:
    (found,) = fused([one(0.9, (0, 0, 10, 10))], [one(0.3, (2, 0, 10, 10))])
    assert found.box == pytest.approx((2 * 0.3 / 1.2, 0, 10, 10))
    assert found.score == pytest.approx(0.6)


def test_what_one_of_two_detectors_found_is_half_as_sure() -> None:
    (found,) = fused([one(0.9, (0, 0, 10, 10))], [])
    assert found.box == (0, 0, 10, 10)
    assert found.score == pytest.approx(0.45)


def test_a_detector_that_found_it_twice_makes_up_for_nobody() -> None:
    twice = [one(0.8, (0, 0, 10, 10)), one(0.6, (0, 0, 10, 9))]
    (found,) = fused(twice, [])
    assert found.score == pytest.approx(0.35)
    (both,) = fused(twice, [one(0.7, (0, 0, 10, 10))])
    assert both.score == pytest.approx(0.7)


def test_other_labels_and_boxes_that_hardly_overlap_are_other_things() -> None:
    found = fused(
        [one(0.9, (0, 0, 10, 10)), one(0.5, (0, 0, 10, 10), "bus")], [one(0.8, (6, 0, 16, 10))]
    )
    assert [each.label for each in found] == ["car", "car", "bus"]
    assert [each.score for each in found] == pytest.approx([0.45, 0.4, 0.25])


def test_a_box_joins_the_thing_that_it_overlaps_most() -> None:
    near, far = one(0.9, (0, 0, 10, 10)), one(0.8, (4, 0, 14, 10))
    found = fused([near, far], [one(0.5, (3, 0, 13, 10))])
    assert [each.box for each in found] == [
        pytest.approx(((4 * 0.8 + 3 * 0.5) / 1.3, 0, (14 * 0.8 + 13 * 0.5) / 1.3, 10)),
        (0, 0, 10, 10),
    ]


def test_a_heavier_detector_counts_for_more() -> None:
    light, heavy = [one(0.8, (0, 0, 10, 10))], [one(0.4, (2, 0, 10, 10))]
    (found,) = fused(light, heavy, weights=(1, 3))
    assert found.box[0] == pytest.approx(2 * 1.2 / 2.0)
    assert found.score == pytest.approx((0.8 + 1.2) / 4)


def test_boxes_without_any_area_or_score_are_no_trouble() -> None:
    point = one(0.0, (3, 3, 3, 3))
    assert fused([point], [point]) == [point, point]
    assert fused([one(0.0, (0, 0, 9, 9))], [one(0.0, (0, 0, 9, 9))]) == [one(0.0, (0, 0, 9, 9))]
    assert fused([], []) == []


def test_detectors_vote_and_say_who_they_are(tmp_path: Path) -> None:
    members = (Boxes("left"), Boxes("right"))
    voter = BoxesVoter(resolve(BoxesEnsemble("both", members, threshold=0.5), tmp_path), "cpu")
    payload = json.dumps([["car", [0, 0, 4, 4]], ["dog", [5, 0, 8, 3]]]).encode()
    (found,) = voter.predict([voter.decode(payload)])
    assert isinstance(found, JointDetections)
    assert (found.width, found.height, found.members) == (8, 6, ["left@1", "right@1"])
    assert [(each.label, each.box) for each in found.objects] == [
        ("car", (0, 0, 4, 4)),
        ("dog", (5, 0, 8, 3)),
    ]


@pytest.mark.parametrize(
    ("members", "settings", "problem"),
    [
        ((Boxes("a"),), {}, "two members"),
        ((Boxes("a"), Scripted("b")), {}, "no `Detections`s"),
        ((Boxes("a"), Boxes("b")), {"least_overlap": 1.5}, "least_overlap=1.5"),
        ((Boxes("a"), Boxes("b")), {"threshold": -0.1}, "threshold=-0.1"),
        ((Boxes("a"), Boxes("b")), {"top": 0}, "top=0"),
        ((Boxes("a"), Boxes("b")), {"weights": (1,)}, "2 weights"),
    ],
)
def test_what_cannot_vote_on_boxes_is_refused(members: Any, settings: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        BoxesEnsemble("both", members, **settings)
