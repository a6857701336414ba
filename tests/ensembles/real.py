"""Two real sets that come with installed packages, and small networks trained on them.

scikit-learn's digits are images. River's image segments are 18 numbers a row and seven classes:
a row is sent as an image, too, a pixel a number.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from aimass_stream.adapters.torch import Torch
from aimass_stream.ensembles.ensemble import Ensemble, log_odds_weights
from aimass_stream.ensembles.voter import Voter
from aimass_stream.model import Model
from aimass_stream.records import Prediction, Vote
from aimass_stream.registry.folder import resolve
from aimass_stream.training.digits import _digits
from aimass_stream.training.stacking import fit_combiner, outputs_of, publish_combiner

MEMBERS = 5
STEPS = 120


@dataclass(frozen=True)
class Part:
    """Rows of a set: images as PNG files and their pixels, and the number of each's class."""

    files: list[bytes]
    pixels: NDArray[np.uint8]
    classes: NDArray[np.int64]


@dataclass(frozen=True)
class Bag:
    """A resample of so many rows, and the units of the network that is trained on it."""

    rows: int
    hidden: int


@dataclass(frozen=True)
class Data:
    """A set, split: what members learn from, what combiners are fitted on, what is measured."""

    name: str
    labels: list[str]
    train: Part
    fit: Part
    test: Part
    bag: Bag


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def split(
    name: str, pixels: NDArray[np.uint8], labels: Sequence[str], sizes: Sequence[int], bag: Bag
) -> Data:
    names = sorted(set(labels))
    order = np.random.default_rng(11).permutation(len(pixels))
    classes = np.array([names.index(label) for label in labels])
    parts = [
        Part([png(one) for one in pixels[rows]], pixels[rows], classes[rows])
        for rows in np.split(order, np.cumsum(sizes))
    ]
    learnt, fitted, measured = parts
    return Data(name, names, learnt, fitted, measured, bag)


def digits() -> Data:
    """1,797 digits of 8 x 8 pixels."""
    found, classes = _digits()
    pixels = (found * 15).astype(np.uint8)
    return split("digits", pixels, [str(one) for one in classes], (400, 400), Bag(150, hidden=16))


def segments() -> Data:
    """2,310 pieces of outdoor photographs, described by 18 numbers each."""
    river = find_spec("river")
    assert river is not None
    assert river.submodule_search_locations is not None
    place = Path(river.submodule_search_locations[0], "datasets", "segment.csv.zip")
    with zipfile.ZipFile(place) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    numbers = [name for name in rows[0] if name != "category"]
    table = np.array([[float(row[name]) for name in numbers] for row in rows])
    low, high = np.percentile(table, (1, 99), axis=0)
    scaled = ((table - low) / np.where(high > low, high - low, 1)).clip(0, 1) * 255
    pixels = scaled.round().astype(np.uint8)[:, np.newaxis, :]
    return split(
        "image segments",
        pixels,
        [row["category"] for row in rows],
        (400, 600),
        Bag(120, hidden=12),
    )


def train(data: Data, seed: int, folder: Path) -> Torch[Prediction]:
    """A network of one hidden layer on a resample of the training part: a bag."""
    torch.manual_seed(seed)
    high, wide = data.train.pixels.shape[1:]
    layers = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(high * wide, data.bag.hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(data.bag.hidden, len(data.labels)),
    )
    rows = np.random.default_rng(seed).integers(0, len(data.train.classes), data.bag.rows)
    inputs = (torch.from_numpy(data.train.pixels[rows]).float() / 255 - 0.5) / 0.5
    targets = torch.from_numpy(data.train.classes[rows])
    optimizer = torch.optim.Adam(layers.parameters(), lr=0.02, weight_decay=1e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(layers(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    save(layers, (high, wide), data.labels, folder)
    return Torch("image-classification", str(folder))


def save(layers: Any, size: tuple[int, int], labels: Sequence[str], folder: Path) -> None:
    """As `Torch` reads it."""
    folder.mkdir(parents=True)
    first, last = (layers[at] for at in (1, 3))
    description = {
        "library": "layers",
        "labels": labels,
        "input": {
            "height": size[0],
            "width": size[1],
            "channels": 1,
            "mean": [0.5],
            "std": [0.5],
        },
        "layers": [
            {"layer": "Flatten"},
            {"layer": "Linear", "arguments": linear(first)},
            {"layer": "ReLU"},
            {"layer": "Linear", "arguments": linear(last)},
        ],
    }
    (folder / "architecture.json").write_text(json.dumps(description))
    save_file(layers.state_dict(), folder / "model.safetensors")


def linear(layer: Any) -> dict[str, int]:
    return {"in_features": layer.in_features, "out_features": layer.out_features}


@dataclass(frozen=True)
class Measured:
    """What came of a set.

    Attributes:
        members: the accuracy of each, on what is measured.
        accuracy: that of each way to combine them.
        asked: share of records about which a cascade asked more than its first member.
    """

    members: list[float]
    accuracy: dict[str, float]
    asked: float


def answers(model: Model[Any], files: Sequence[bytes], registry: Path) -> list[Vote]:
    voter = Voter(resolve(model, registry), "cpu")
    found = voter.predict([voter.decode(file) for file in files])
    assert all(isinstance(one, Vote) for one in found)
    return [one for one in found if isinstance(one, Vote)]


def hits(data: Data, part: Part, found: Sequence[Prediction | None]) -> float:
    right = [data.labels[number] for number in part.classes]
    return float(
        np.mean(
            [
                one is not None and one.label == label
                for one, label in zip(found, right, strict=True)
            ]
        )
    )


def declare(data: Data, members: Sequence[Model[Any]], registry: Path) -> dict[str, Ensemble]:
    """Every way to combine, whatever is fitted fitted on its own part of the set."""
    right = [data.labels[number] for number in data.fit.classes]
    outputs = outputs_of(members, data.fit.files, right, registry)
    accuracies = [
        hits(data, data.fit, [one.outputs[place] for one in outputs])
        for place in range(len(members))
    ]
    publish_combiner(fit_combiner(outputs), "combiner", registry)
    average = Ensemble("average", members)
    return {
        "average": average,
        "majority": Ensemble("majority", members, by="majority"),
        "boosting weights": Ensemble(
            "weighted",
            members,
            by="majority",
            weights=log_odds_weights(accuracies, len(data.labels)),
        ),
        "stacking": Ensemble("stack", members, by="stacking", combiner="models://combiner"),
        "cascade": Ensemble("cascade", (members[0], average), by="cascade", confidence=0.95),
    }


def measure(data: Data, home: Path) -> Measured:
    """Train the members and measure them, and all that is made of them, on the same records."""
    registry = home / "registry"
    members = [train(data, seed, home / f"member-{seed}") for seed in range(MEMBERS)]
    ways = declare(data, members, registry)
    right = [data.labels[number] for number in data.test.classes]
    alone = outputs_of(members, data.test.files, right, registry)
    each = [
        hits(data, data.test, [one.outputs[place] for one in alone]) for place in range(MEMBERS)
    ]
    found = {way: answers(model, data.test.files, registry) for way, model in ways.items()}
    asked = float(np.mean([len(one.members) > 1 for one in found["cascade"]]))
    return Measured(each, {way: hits(data, data.test, one) for way, one in found.items()}, asked)
