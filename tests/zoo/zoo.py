"""Every case of the suite."""

from __future__ import annotations

from tests.zoo import detection, images, maps
from tests.zoo.case import Case

CASES: list[Case] = [*images.CASES, *detection.CASES, *maps.CASES]
