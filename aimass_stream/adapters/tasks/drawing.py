"""Tasks of models that draw: images out of texts, and parts of images filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aimass_stream.adapters.tasks.images import pixels_cost
from aimass_stream.adapters.tasks.task import (
    Common,
    Setting,
    Task,
    Told,
    a_text,
    always,
    between,
)
from aimass_stream.adapters.tasks.told import read_prompt
from aimass_stream.records import Drawing
from aimass_stream.transforms.chain import Chain, Kind, chain_of

_HOME = "aimass_stream.adapters.diffusers_"
_EDGE = 2048
_GRID = 8


class Drawings(Common, total=False):
    """Settings of every task that draws."""

    steps: int
    guidance: float
    avoid: str


class TextToImage(Drawings, total=False):
    """Settings of `text-to-image`."""

    before: Chain
    width: int
    height: int


class Inpainting(Drawings, total=False):
    """Settings of `inpainting`."""

    strength: float


def _an_edge(value: Any) -> str:
    if value == 0 or (_GRID <= value <= _EDGE and value % _GRID == 0):
        return ""
    return f"is neither 0, the model's own size, nor {_GRID} to {_EDGE} in steps of {_GRID}"


_DRAWING = {
    "steps": Setting(25, between(1, 150)),
    "guidance": Setting(7.5, between(0, 50)),
    "avoid": Setting("", a_text),
}

DRAWING_TASKS: Mapping[str, Task] = {
    "text-to-image": Task(
        _HOME + "drawing:Drawer",
        Drawing,
        {
            **_DRAWING,
            "before": Setting([], chain_of(Kind.TEXT)),
            "width": Setting(0, _an_edge),
            "height": Setting(0, _an_edge),
        },
        seeded=True,
    ),
    "inpainting": Task(
        _HOME + "inpainting:Filler",
        Drawing,
        {**_DRAWING, "strength": Setting(1.0, between(0.01, 1))},
        pixels_cost,
        seeded=True,
        told=Told(always, read_prompt, is_required=False),
    ),
}
"""By name."""
