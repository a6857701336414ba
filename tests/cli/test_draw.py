"""Answers drawn on the images they are about."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image as Pictures

from aimass_stream import (
    Detection,
    Detections,
    EmbeddedDetection,
    Keypoint,
    Mask,
    PosedDetection,
    PosedDetections,
    Prediction,
    Region,
    Segmentation,
)
from aimass_stream.cli.drawing.picture import colour_of, draw
from aimass_stream.cli.drawing.shapes import MOST_SHAPES, Shape, shapes_of
from aimass_stream.errors import ConfigError
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.topics import TopicPlan, create_topics
from aimass_stream.records import identity
from tests.cli.commands import aimass, send

GREY = np.full((600, 800, 3), 128, np.uint8)
HALF = np.zeros((600, 800), bool)
HALF[:, :400] = True
POINTS = [Keypoint("nose", 300.0, 200.0, 0.9), Keypoint("ear", 350.0, 200.0, 0.1)]


def told(answer: Any) -> list[Shape]:
    return shapes_of(msgspec.json.encode(answer))


def pixel(picture: Pictures.Image, x: int, y: int) -> tuple[int, ...]:
    found = picture.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def test_what_is_to_be_drawn_is_found_in_every_kind_of_answer() -> None:
    car, cat = Detection("car", 0.9, (1, 2, 3, 4)), Detection("cat", 0.5, (5, 6, 7, 8))
    posed = PosedDetection("person", 0.8, (1, 2, 3, 4), keypoints=POINTS)
    face = EmbeddedDetection("face", 1.0, (1, 2, 3, 4), vector=b"v", dimensions=1)
    mask = Mask.of(HALF)
    for answer, due in (
        (Detections(9, 9, [car, cat]), ["car 0.90", "cat 0.50"]),
        ({"found": Detections(9, 9, [car]), "kind": Prediction("x", 0.4)}, ["car 0.90"]),
        (PosedDetections(9, 9, [posed]), ["person 0.80"]),
        (face, ["face 1.00"]),
        (Segmentation(9, 9, [Region("road", 0.5, mask), Region("sky", 0.5)]), ["road"]),
        (Prediction("cat", 0.9), []),
        ({"label": "odd", "box": "none"}, []),
    ):
        assert [one.text for one in told(answer)] == due
    assert told(PosedDetections(9, 9, [posed]))[0].keypoints == POINTS
    assert shapes_of(b"no JSON") == shapes_of(None) == []
    assert len(told([car] * (MOST_SHAPES + 5))) == MOST_SHAPES


def test_boxes_masks_and_keypoints_are_where_they_are_said_to_be() -> None:
    box = Shape("car", 0.9, (100.0, 300.0, 700.0, 500.0), keypoints=POINTS)
    road = Shape("road", None, None, Mask.of(HALF))
    drawn = draw(GREY, [road, box])
    assert drawn.size == (800, 600)
    assert pixel(drawn, 600, 300) == pixel(drawn, 700, 400) == colour_of("car")
    assert pixel(drawn, 300, 200) == colour_of("car")
    under = pixel(drawn, 350, 200)
    assert under == pixel(drawn, 20, 580) != (128, 128, 128)
    assert pixel(drawn, 780, 20) == (128, 128, 128)
    # The label stands on the box's upper edge.
    assert pixel(drawn, 101, 297) == colour_of("car")


def test_a_small_image_is_enlarged_and_what_does_not_fit_is_left_out() -> None:
    small = GREY[:40, :60]
    inside = draw(small, [Shape("a", None, (10.0, 10.0, 50.0, 30.0))])
    assert inside.size == (480, 320)
    assert pixel(inside, 80, 160) == colour_of("a")
    foreign = Shape("b", None, None, Mask.of(HALF))
    broken = Shape("b", None, None, Mask((40, 60), [7, 10**12]))
    backwards = Shape("c", None, (50.0, 30.0, 10.0, 10.0))
    assert draw(small, [foreign, broken]) == draw(small, [])
    assert pixel(draw(small, [backwards]), 80, 160) == colour_of("c")


def test_a_font_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "font.ttf").write_bytes(b"none")
    with pytest.raises(ConfigError, match=r"font\.ttf is no font"):
        draw(GREY, [], tmp_path / "font.ttf")


async def test_answers_of_a_topic_are_drawn_on_what_they_answer(
    broker_url: str, worker_env: dict[str, str], tmp_path: Path, topic_name: str
) -> None:
    images, answers = f"{topic_name}.images", f"{topic_name}.answers"
    plans = [TopicPlan(images, 1), TopicPlan(answers, 1)]
    await create_topics({"bootstrap_servers": bootstrap_servers(broker_url)}, plans, 1)
    file = io.BytesIO()
    Pictures.fromarray(GREY).save(file, "PNG")
    await send(broker_url, images, file.getvalue(), b"no image")
    for root, label in ((f"{images}/0/0", "car"), (f"{images}/0/0", "cat"), (f"{images}/0/1", "x")):
        answer = Detections(800, 600, [Detection(label, 0.9, (100.0, 300.0, 700.0, 500.0))])
        value = msgspec.json.encode(answer)
        await send(broker_url, answers, value, headers=[(identity.ROOT, root.encode())])
    ended = aimass("draw", answers, "--into", "pictures", env=worker_env, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    assert line == f"pictures/{images}-0-0.png"
    assert "1 picture in pictures" in ended.stderr
    assert f"{images}/0/1: " in ended.stderr
    with Pictures.open(tmp_path / line) as drawn:
        assert pixel(drawn, 600, 300) == colour_of("cat")
    nothing = aimass("draw", images, env=worker_env, cwd=tmp_path)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert f"{images}: answers here have no box, mask or keypoints." in nothing.stderr
