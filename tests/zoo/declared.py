"""Declarations as plain data and back, and the answers of graphs; imports no model library.

A worker of the suite is told its models in a file.
"""

from __future__ import annotations

from typing import Any

import msgspec

from aimass_stream import (
    Alignment,
    Detections,
    Diffusers,
    EmbeddedDetections,
    Ensemble,
    FaceCascade,
    FinerDetections,
    Graph,
    Limits,
    Model,
    PosedDetections,
    Prediction,
    Sklearn,
    Step,
    Torch,
    Transcript,
    Transformers,
)

TASKS: dict[str, Any] = {
    "Diffusers": Diffusers,
    "Sklearn": Sklearn,
    "Torch": Torch,
    "Transformers": Transformers,
}


class Street(msgspec.Struct, frozen=True):
    """A detector's boxes, and what a classifier says of each."""

    found: Detections
    kinds: FinerDetections


class People(msgspec.Struct, frozen=True):
    """Faces in an image, and the vector of each."""

    faces: EmbeddedDetections


class Figures(msgspec.Struct, frozen=True):
    """Things with their keypoints, and the vector of each as it looks upright."""

    found: PosedDetections
    upright: EmbeddedDetections


class Heard(msgspec.Struct, frozen=True):
    """What is said in a recording, what is meant, and what it sounds like."""

    words: Transcript
    intent: Prediction | None
    sound: Prediction


ANSWERS: dict[str, Any] = {"Figures": Figures, "Heard": Heard, "People": People, "Street": Street}


def to_plain(model: Any, **settings: Any) -> dict[str, Any]:
    """A declaration as JSON has it, some settings beside its own."""
    plain = {"class": type(model).__name__, "settings": settings}
    if isinstance(model, Ensemble):
        settings |= {"by": model.by, "confidence": model.confidence, "top": model.top}
        settings["weights"] = list(model.weights)
        return {
            **plain,
            "name": model.name,
            "members": [to_plain(member) for member in model.members],
        }
    if isinstance(model, Graph):
        steps = {
            name: {"model": to_plain(step.model), **step.options}
            for name, step in model.steps.items()
        }
        return {**plain, "name": model.name, "steps": steps, "answer": model.answer.__name__}
    if isinstance(model, FaceCascade):
        plain["settings"] = {**model.options, **settings}
        return {**plain, "name": model.name}
    plain["settings"] = {**model.settings, **settings}
    pixels = model.limits.image_pixels
    return {**plain, "task": model.task, "location": model.location, "pixels": pixels}


def _read(step: dict[str, Any]) -> dict[str, Any]:
    align = {"align": Alignment(**step["align"])} if "align" in step else {}
    return {"model": from_plain(step["model"]), **align}


def from_plain(plain: dict[str, Any]) -> Model[Any]:
    """The declaration that was made plain."""
    settings = plain["settings"]
    if plain["class"] == "Ensemble":
        members = [from_plain(member) for member in plain["members"]]
        return Ensemble(plain["name"], members, **settings)
    if plain["class"] == "Graph":
        steps = {name: Step(**{**step, **_read(step)}) for name, step in plain["steps"].items()}
        graph: Graph[Any] = Graph(plain["name"], steps, answer=ANSWERS[plain["answer"]], **settings)
        return graph
    if plain["class"] == "FaceCascade":
        return FaceCascade(plain["name"], **settings)
    limits = Limits(image_pixels=plain["pixels"])
    made: Model[Any] = TASKS[plain["class"]](
        plain["task"], plain["location"], limits=limits, **settings
    )
    return made
