"""Faces on a real photograph, by the cascade that scikit-image brings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimass_stream import FaceCascade
from aimass_stream.errors import ConfigError
from aimass_stream.model import import_adapter
from aimass_stream.records import Detections
from aimass_stream.registry.folder import resolve
from tests.zoo.faces import file

data = pytest.importorskip("skimage.data")

FACE = (176, 70, 272, 170)
"""Of the astronaut: from the hairline to the chin, by eye."""


def find(declared: FaceCascade, home: Path, *images: Any) -> list[Detections]:
    spec = resolve(declared, home)
    finder = import_adapter(spec.adapter)(spec, "cpu")
    found: list[Detections] = finder.predict([finder.decode(file(image)) for image in images])
    return found


def overlap(one: Any, other: Any) -> float:
    """Intersection over union."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0, wide) * max(0, high)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return float(both / (sum(areas) - both))


def test_a_face_is_found_where_it_is(tmp_path: Path) -> None:
    astronaut, coffee = data.astronaut(), data.coffee()
    portrait, mirrored, none = find(
        FaceCascade("faces"), tmp_path, astronaut, astronaut[:, ::-1], coffee
    )
    (face,) = portrait.objects
    assert overlap(face.box, FACE) > 0.7
    # In a mirror it finds one more, in the flag.
    turned = (512 - FACE[2], FACE[1], 512 - FACE[0], FACE[3])
    assert overlap(mirrored.objects[0].box, turned) > 0.7
    assert len(mirrored.objects) <= 2
    assert none == Detections(600, 400)


def test_an_image_smaller_than_a_face_has_none(tmp_path: Path) -> None:
    (found,) = find(FaceCascade("faces"), tmp_path, np.zeros((20, 300, 3), np.uint8))
    assert found == Detections(300, 20)


def test_settings_are_bounded_and_part_of_the_version(tmp_path: Path) -> None:
    for wrong in ({"min_edge": 8}, {"scale_factor": 1.0}, {"step_ratio": 0.5}, {"top": 0}):
        with pytest.raises(ConfigError, match="it needs a name"):
            FaceCascade("faces", **wrong)
    ids = {resolve(FaceCascade("faces", top=top), tmp_path).id for top in (1, 2)}
    assert ids == {"faces@1-40-1.2-1.5-1", "faces@1-40-1.2-1.5-2"}
