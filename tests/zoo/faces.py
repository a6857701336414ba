"""Faces on a real photograph: found, cropped, and made vectors."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pictures

from aimass_stream import EmbeddedDetections, FaceCascade, Graph, Step
from aimass_stream.codecs.images import Pixels
from aimass_stream.records import Detection, Detections, EmbeddedDetection
from tests.zoo import encoders
from tests.zoo.case import Case
from tests.zoo.declared import People
from tests.zoo.pictures import pixels

MARGIN = 0.15


def file(image: Pixels, form: str = "PNG") -> bytes:
    made = io.BytesIO()
    Pictures.fromarray(image).save(made, form)
    return made.getvalue()


@cache
def photographs() -> list[bytes]:
    """A portrait; the same in a mirror, and twice side by side; and one without a face."""
    try:
        from skimage.data import astronaut, coffee
    except ImportError:
        return []
    portrait = astronaut()[:320, 60:380]
    return [
        file(portrait),
        file(portrait[:, ::-1], "JPEG"),
        file(np.hstack([portrait, portrait[:, ::-1]])),
        file(coffee()[:160, :200]),
    ]


def find(payload: bytes) -> Detections:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    image = pixels(payload)
    height, width = image.shape[:2]
    found = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        image,
        scale_factor=1.2,
        step_ratio=1.5,
        min_size=(40, 40),
        max_size=(min(image.shape[:2]),) * 2,
    )
    boxes = [
        (
            float(one["c"]),
            float(one["r"]),
            float(one["c"] + one["width"]),
            float(one["r"] + one["height"]),
        )
        for one in found
    ]
    boxes.sort(key=lambda box: (box[0] - box[2], box[1], box[0]))
    return Detections(width, height, [Detection("face", 1.0, box) for box in boxes])


def finder(folder: str) -> FaceCascade:
    del folder
    return FaceCascade("faces")


def people(folder: str) -> Graph[People]:
    return Graph(
        "people",
        {
            "found": Step(FaceCascade("faces")),
            "faces": Step(encoders.encoder(folder), after="found", margin=MARGIN),
        },
        answer=People,
    )


def people_by_hand(folder: Path, payload: bytes) -> People:
    found, image = find(payload), pixels(payload)
    objects = []
    for one in found.objects:
        x0, y0, x1, y1 = one.box
        more = MARGIN * (x1 - x0)
        left, top = (max(0, int(np.floor(edge - more + 0.5))) for edge in (x0, y0))
        right = min(found.width, int(np.floor(x1 + more + 0.5)))
        bottom = min(found.height, int(np.floor(y1 + more + 0.5)))
        vector = encoders.encode(folder, file(image[top:bottom, left:right]))
        objects.append(
            EmbeddedDetection(
                one.label, 1.0, one.box, vector=vector.vector, dimensions=vector.dimensions
            )
        )
    return People(EmbeddedDetections(found.width, found.height, objects))


def case(name: str, build: Any, declare: Any, library: Any) -> Case:
    return Case(name, ("V13",), build, declare, photographs(), library, needs="skimage")


CASES = [
    case("faces-cascade", Path.exists, finder, lambda folder, payload: find(payload)),
    case("graph-faces", encoders.build_resnet, people, people_by_hand),
]
