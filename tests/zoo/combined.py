"""Models made of models: ensembles and graphs, beside what their parts' libraries answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pictures
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification

from aimass_stream import Ensemble, Graph, Limits, Step, Torch, Transformers
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import Reason
from aimass_stream.model import Model
from aimass_stream.records import (
    Audio,
    Detections,
    FinerDetection,
    FinerDetections,
    Prediction,
    Text,
    Vote,
)
from aimass_stream.registry.folder import resolve
from tests.zoo import detection, images, networks, sounds, texts
from tests.zoo.case import Case
from tests.zoo.declared import Heard, Street
from tests.zoo.pictures import PICTURES, pixels

MOST_PIXELS = 2_500
"""The second member takes no larger image: it leaves the vote for one of the pictures."""
SURE = 0.6
"""A cascade's confidence, which some texts reach and some do not."""
NAMES = ["person", "car", "lamp"]
"""What is looked at closely."""

LAYERS: list[dict[str, Any]] = [
    {"layer": "Flatten"},
    {"layer": "Linear", "arguments": {"in_features": 784, "out_features": 5}},
]


def build_chain(folder: Path) -> None:
    network = networks.chain(LAYERS)
    size = {"width": 28, "height": 28, "channels": 1, "mean": [0.5], "std": [0.2]}
    described = {"library": "layers", "layers": LAYERS, "input": size}
    labels = list(images.LABELS.values())
    networks.write({**described, "labels": labels}, network, folder)


def run_chain(folder: Path, image: Pixels) -> dict[str, float]:
    network = networks.chain(LAYERS)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    grey = Pictures.fromarray(image).convert("L").resize((28, 28), Pictures.Resampling.BILINEAR)
    with torch.no_grad():
        given = (torch.tensor(np.asarray(grey)).float() / 255 - 0.5) / 0.2
        scores = network(given[None, None]).softmax(dim=1)[0].tolist()
    labels = json.loads((folder / "architecture.json").read_text())["labels"]
    return dict(zip(labels, scores, strict=True))


def part(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place


def build_voters(folder: Path) -> None:
    images.build_swin(part(folder, "swin"))
    build_chain(part(folder, "chain"))


def voters(folder: str) -> list[Model[Any]]:
    limits = Limits(image_pixels=MOST_PIXELS)
    return [
        Transformers("image-classification", f"{folder}/swin"),
        Torch("image-classification", f"{folder}/chain", limits=limits),
    ]


def average(folder: str) -> Ensemble:
    return Ensemble("two-eyes", voters(folder), weights=(1, 3), top=5)


def best_first(scores: dict[str, float]) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda pair: -pair[1]))


def average_by_hand(folder: Path, payload: bytes) -> Vote:
    scores = dict(images.classify(folder / "swin", payload).scores)
    ids = [resolve(one, folder).id for one in voters(str(folder))]
    image = pixels(payload)
    if image.shape[0] * image.shape[1] > MOST_PIXELS:
        ids = ids[:1]
    else:
        other = run_chain(folder / "chain", image)
        scores = {label: (score + 3 * other[label]) / 4 for label, score in scores.items()}
    scores = best_first(scores)
    return Vote(*next(iter(scores.items())), scores, ids)


def build_readers(folder: Path) -> None:
    texts.build_albert(part(folder, "cheap"))
    texts.build(
        BertForSequenceClassification, BertConfig, part(folder, "large"), id2label=texts.LABELS
    )


def readers(folder: str) -> list[Model[Any]]:
    return [
        Transformers("text-classification", f"{folder}/{name}", top=1)
        for name in ("cheap", "large")
    ]


def cascade(folder: str) -> Ensemble:
    return Ensemble("two-readers", readers(folder), by="cascade", confidence=SURE, top=4)


def cascade_by_hand(folder: Path, payload: bytes) -> Vote:
    ids = [resolve(one, folder).id for one in readers(str(folder))]
    found = texts.classify(folder / "cheap", payload)
    if found.score >= SURE:
        ids = ids[:1]
    else:
        found = texts.classify(folder / "large", payload)
    return Vote(found.label, found.score, found.scores, ids)


def build_street(folder: Path) -> None:
    detection.build_yolos(part(folder, "detector"))
    images.build_swin(part(folder, "swin"))


def street(folder: str) -> Graph[Street]:
    classifier = Transformers("image-classification", f"{folder}/swin", top=5)
    detector = detection.detector(f"{folder}/detector")
    return Graph(
        "street",
        {"found": Step(detector), "kinds": Step(classifier, after="found", labels=NAMES)},
        answer=Street,
    )


def street_by_hand(folder: Path, payload: bytes) -> Street:
    found = detection.detect(folder / "detector", payload)
    image = pixels(payload)
    return Street(found, FinerDetections(found.width, found.height, finer(folder, image, found)))


def finer(folder: Path, image: Pixels, found: Detections) -> list[FinerDetection]:
    objects = []
    for one in found.objects:
        x0, y0, x1, y1 = (round(edge) for edge in one.box)
        label, score = one.label, one.score
        if one.label in NAMES:
            cut = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
            closer = images.classify_pixels(folder / "swin", cut)
            label, score = closer.label, closer.score
        objects.append(
            FinerDetection(
                label,
                score,
                one.box,
                found_label=one.label,
                found_score=one.score,
                is_finer=one.label in NAMES,
            )
        )
    return objects


def build_speech(folder: Path) -> None:
    sounds.build_wav2vec2("layer", part(folder, "words"))
    sounds.build_ast(part(folder, "sound"))
    texts.build(
        BertForSequenceClassification, BertConfig, part(folder, "intent"), id2label=texts.LABELS
    )


def speech(folder: str) -> Graph[Heard]:
    return Graph(
        "speech",
        {
            "words": Step(sounds.recogniser(f"{folder}/words")),
            "sound": Step(sounds.listener(f"{folder}/sound")),
            "intent": Step(
                Transformers("text-classification", f"{folder}/intent", top=4), after="words"
            ),
        },
        answer=Heard,
    )


def speech_by_hand(folder: Path, payload: bytes) -> Heard:
    words = sounds.spell(folder / "words", payload)
    intent: Prediction | None = None
    if words.text:
        intent = texts.classify(folder / "intent", words.text.encode())
    return Heard(words, intent, sounds.classify(folder / "sound", payload))


CASES = [
    Case("ensemble-average", ("E1",), build_voters, average, PICTURES, average_by_hand),
    Case(
        "ensemble-cascade",
        ("E1",),
        build_readers,
        cascade,
        texts.VALUES,
        cascade_by_hand,
        (b"\xff", Reason.UNDECODABLE),
        Text,
    ),
    Case("graph-crops", ("E2",), build_street, street, PICTURES, street_by_hand),
    Case(
        "graph-speech",
        ("E2", "A5"),
        build_speech,
        speech,
        sounds.RECORDINGS,
        speech_by_hand,
        (sounds.RECORDINGS[0][:40], Reason.UNDECODABLE),
        Audio,
    ),
]
