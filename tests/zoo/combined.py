"""Models made of models: ensembles and graphs, beside what their parts' libraries answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pictures
from safetensors.torch import load_file
from transformers import BertConfig, BertForSequenceClassification

from aimass_stream import Ensemble, Graph, Limits, Step, Torch, Transformers
from aimass_stream.codecs.images import Pixels
from aimass_stream.ensembles.joint import BoxesEnsemble
from aimass_stream.errors import Reason
from aimass_stream.model import Model
from aimass_stream.records import (
    Audio,
    Detection,
    Detections,
    FinerDetection,
    FinerDetections,
    JointDetections,
    Prediction,
    Text,
    Vote,
)
from aimass_stream.records.detections import Box
from aimass_stream.records.told import split_told, write_told
from aimass_stream.registry.folder import resolve
from tests.zoo import detection, images, named, networks, sounds, texts, transcripts
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
    objects = finer(folder, image, found, NAMES)
    return Street(found, FinerDetections(found.width, found.height, objects))


def build_free_street(folder: Path) -> None:
    named.build_owl(part(folder, "detector"))
    images.build_swin(part(folder, "swin"))


def free_street(folder: str) -> Graph[Street]:
    """Each record brings the names that the detector looks for."""
    classifier = Transformers("image-classification", f"{folder}/swin", top=5)
    detector = named.free_detector(f"{folder}/detector")
    return Graph(
        "free-street",
        {"found": Step(detector), "kinds": Step(classifier, after="found")},
        answer=Street,
    )


def free_street_by_hand(folder: Path, payload: bytes) -> Street:
    told, picture = split_told(payload)
    names = told["found"]["labels"]
    found = named.detect_named(folder / "detector", bytes(picture), names)
    objects = finer(folder, pixels(bytes(picture)), found, names)
    return Street(found, FinerDetections(found.width, found.height, objects))


def finer(
    folder: Path, image: Pixels, found: Detections, names: Sequence[str]
) -> list[FinerDetection]:
    objects = []
    for one in found.objects:
        x0, y0, x1, y1 = (round(edge) for edge in one.box)
        label, score = one.label, one.score
        if one.label in names:
            # At least a pixel, also at the far edges.
            y0, x0 = min(y0, image.shape[0] - 1), min(x0, image.shape[1] - 1)
            cut = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
            # A crop of one row or three is else taken for one with its channels first.
            closer = images.classify_pixels(folder / "swin", cut, input_data_format="channels_last")
            label, score = closer.label, closer.score
        objects.append(
            FinerDetection(
                label,
                score,
                one.box,
                found_label=one.label,
                found_score=one.score,
                is_finer=one.label in names,
            )
        )
    return objects


def build_speech(folder: Path) -> None:
    transcripts.build_wav2vec2("layer", part(folder, "words"))
    sounds.build_ast(part(folder, "sound"))
    texts.build(
        BertForSequenceClassification, BertConfig, part(folder, "intent"), id2label=texts.LABELS
    )


def speech(folder: str) -> Graph[Heard]:
    return Graph(
        "speech",
        {
            "words": Step(transcripts.recogniser(f"{folder}/words")),
            "sound": Step(sounds.listener(f"{folder}/sound")),
            "intent": Step(
                Transformers("text-classification", f"{folder}/intent", top=4), after="words"
            ),
        },
        answer=Heard,
    )


def speech_by_hand(folder: Path, payload: bytes) -> Heard:
    words = transcripts.spell(folder / "words", payload)
    intent: Prediction | None = None
    if words.text:
        intent = texts.classify(folder / "intent", words.text.encode())
    return Heard(words, intent, sounds.classify(folder / "sound", payload))


def build_watchers(folder: Path) -> None:
    detection.build_yolos(part(folder, "yolos"))
    detection.build_detr(part(folder, "detr"))


def watchers(folder: str) -> BoxesEnsemble:
    members = [
        Transformers("object-detection", f"{folder}/{name}", threshold=0.05, top=6)
        for name in ("yolos", "detr")
    ]
    return BoxesEnsemble("two-watchers", members, weights=(1, 2), threshold=0.1, top=6)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return wide * high / (sum(areas) - wide * high)


def mean_box(boxes: list[tuple[float, Detection, int]]) -> Box:
    total = sum(weight for weight, _, _ in boxes)
    x0, y0, x1, y1 = (
        sum(weight * one.box[edge] for weight, one, _ in boxes) / total for edge in range(4)
    )
    return x0, y0, x1, y1


def fused_by_hand(folder: Path, payload: bytes) -> JointDetections:
    """The paper's steps, one box at a time."""
    found = {
        2 - at: detection.detect(folder / name, payload)
        for at, name in enumerate(("detr", "yolos"))
    }
    every = [
        (weight * one.score, one, weight)
        for weight, each in sorted(found.items())
        for one in each.objects
    ]
    things: list[list[tuple[float, Detection, int]]] = []
    for box in sorted(every, key=lambda each: -each[0]):
        alike = [
            (overlap(mean_box(thing), box[1].box), thing)
            for thing in things
            if thing[0][1].label == box[1].label
        ]
        share, nearest = max(alike, key=lambda pair: pair[0], default=(0.0, []))
        if share > 0.55:
            nearest.append(box)
        else:
            things.append([box])
    objects = [
        Detection(thing[0][1].label, score, mean_box(thing))
        for thing in things
        for weights in [[weight for _, _, weight in thing]]
        for score in [sum(one[0] for one in thing) / sum(weights) * sum(set(weights)) / 3]
        if score >= 0.1
    ]
    best = sorted(objects, key=lambda one: -one.score)[:6]
    ids = [resolve(one, folder).id for one in watchers(str(folder)).members]
    return JointDetections(found[1].width, found[1].height, best, ids)


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
    Case("ensemble-boxes", ("E1",), build_watchers, watchers, PICTURES, fused_by_hand),
    Case("graph-crops", ("E2",), build_street, street, PICTURES, street_by_hand),
    Case(
        "graph-crops-names-of-records",
        ("E2", "V12"),
        build_free_street,
        free_street,
        named.WITH_NAMES,
        free_street_by_hand,
        (write_told({"found": {"labels": ["cat"]}}) + b"\x89PNG\r\n\x1a\n", Reason.UNDECODABLE),
    ),
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
