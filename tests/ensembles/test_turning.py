"""A thing that is tilted in an image stands upright in its crop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from aimass_stream import Alignment, Keypoint
from aimass_stream.codecs.images import Pixels
from aimass_stream.ensembles.turning import aligned, check_turning
from aimass_stream.errors import ConfigError, SetupError

pytest.importorskip("skimage")

# By eye, on scikit-image's astronaut. Left and right are her own.
FACE = {"left_eye": (236.5, 110.0), "right_eye": (200.0, 112.0), "nose": (215.0, 131.0)}
PLACES = Alignment.of_faces()


def points(places: dict[str, tuple[float, float]], score: float = 0.9) -> list[Keypoint]:
    return [Keypoint(name, x, y, score) for name, (x, y) in places.items()]


def portrait() -> Pixels:
    from skimage.data import astronaut

    image: Pixels = astronaut()
    return image


def tilted(
    image: Pixels, degrees: float, times: float = 1.0
) -> tuple[Pixels, dict[str, tuple[float, float]]]:
    """The image turned about its middle, and larger, with the places of the face in it."""
    height, width = (int(edge * times) for edge in image.shape[:2])
    turned = (
        Image.fromarray(image).resize((width, height)).rotate(degrees, Image.Resampling.BICUBIC)
    )
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    found = {}
    for name, (x, y) in FACE.items():
        right, down = x * times - width / 2, y * times - height / 2
        found[name] = (
            width / 2 + right * cos + down * sin,
            height / 2 - right * sin + down * cos,
        )
    return np.asarray(turned), found


def upright(image: Pixels, places: dict[str, tuple[float, float]]) -> Pixels:
    found = aligned(image, points(places), PLACES)
    assert found is not None
    assert found.shape == (112, 112, 3)
    return found


@pytest.mark.parametrize(("degrees", "times"), [(35, 1), (-70, 1), (180, 1), (20, 3)])
def test_a_tilted_face_makes_the_crop_of_the_upright_one(degrees: float, times: float) -> None:
    image = portrait()
    due = upright(image, FACE).astype(float)
    found = upright(*tilted(image, degrees, times)).astype(float)
    # Shades apart on the mean, after two resamplings; a crop without turning is far off.
    assert np.abs(found - due).mean() < 5
    untold = upright(tilted(image, degrees, times)[0], FACE).astype(float)
    assert np.abs(untold - due).mean() > 30


def test_the_eyes_are_level_and_where_they_are_to_be() -> None:
    image = np.zeros((200, 300, 3), np.uint8)
    eyes = {"right_eye": (100.0, 80.0), "left_eye": (160.0, 140.0)}
    for x, y in eyes.values():
        image[int(y) - 6 : int(y) + 6, int(x) - 6 : int(x) + 6] = 255
    rows, columns = np.nonzero(upright(image, eyes)[:, :, 0] > 128)
    right = columns < 56
    for side, (x, y) in ((right, (38.3, 51.7)), (~right, (73.5, 51.5))):
        assert (columns[side].mean() + 0.5, rows[side].mean() + 0.5) == pytest.approx((x, y), abs=1)


def test_what_is_not_sure_or_has_no_place_is_not_used() -> None:
    image = portrait()
    hidden = [Keypoint("nose", 10.0, 500.0, 0.2), Keypoint("left_ear", 0.0, 0.0, 1.0)]
    eyes = points({name: FACE[name] for name in ("left_eye", "right_eye")})
    found, due = aligned(image, eyes + hidden, PLACES), aligned(image, eyes, PLACES)
    assert found is not None
    assert due is not None
    assert np.array_equal(found, due)


@pytest.mark.parametrize(
    "known",
    [
        [],
        points({"nose": FACE["nose"]}),
        points(FACE, score=0.4),
        points({"left_eye": (5.0, 5.0), "right_eye": (5.0, 5.0)}),
    ],
)
def test_of_what_too_little_is_known_there_is_no_crop(known: list[Keypoint]) -> None:
    assert aligned(portrait(), known, PLACES) is None


def test_a_detector_must_tell_two_of_the_places() -> None:
    check_turning(["nose", "left_eye"], PLACES)
    with pytest.raises(SetupError, match="it tells nose, left_ear"):
        check_turning(["nose", "left_ear"], PLACES)


@pytest.mark.parametrize(
    "settings",
    [
        {"places": {"nose": (1, 2)}},
        {"places": {"nose": (1, 2), "ear": (1, math.nan)}},
        {"places": {"nose": (1, 2), "ear": 3}},
        {"places": PLACES.places, "width": 0},
        {"places": PLACES.places, "height": 9999},
        {"places": PLACES.places, "threshold": 2},
    ],
)
def test_places_that_cannot_be_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="two places or more"):
        Alignment(**{"width": 112, "height": 112, **settings})  # type: ignore[arg-type]
