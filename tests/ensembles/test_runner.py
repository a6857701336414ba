"""What each step of a graph is given, and what becomes of a record that one cannot answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from aimass_stream.ensembles.crops import crop
from aimass_stream.ensembles.graph import Graph, Step
from aimass_stream.ensembles.runner import Runner
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.learners.vectors import read_embedding
from aimass_stream.model import seed_of
from aimass_stream.records import (
    Detections,
    EmbeddedDetections,
    FinerDetections,
    Generated,
    Prediction,
    Record,
    Text,
    Transcript,
)
from aimass_stream.registry.folder import resolve
from tests.ensembles.fakes import Boxes, Corner, Corners, Greets, Opening, Scripted, Writes


class Street(msgspec.Struct, frozen=True):
    found: Detections
    makes: FinerDetections


class People(msgspec.Struct, frozen=True):
    faces: EmbeddedDetections


class Heard(msgspec.Struct, frozen=True):
    words: Transcript
    reply: Generated | None
    length: Prediction | None


def run(graph: Graph[Any], tmp_path: Path) -> Runner:
    return Runner(resolve(graph, tmp_path), "cpu")


def street(**settings: Any) -> Graph[Street]:
    return Graph(
        "street",
        {"found": Step(Boxes()), "makes": Step(Corner(), after="found", **settings)},
        answer=Street,
    )


def boxes(*found: tuple[str, tuple[float, ...]]) -> bytes:
    return json.dumps(found).encode()


def finer(runner: Runner, *payloads: bytes) -> list[Any]:
    answers = runner.predict([runner.decode(payload) for payload in payloads])
    return [one if isinstance(one, RecordError) else one["makes"] for one in answers]


def test_each_box_is_cropped_and_keeps_its_place(tmp_path: Path) -> None:
    runner = run(street(), tmp_path)
    first = boxes(("car", (1, 1, 4, 3)), ("cat", (0, 0, 8, 6)))
    found = finer(runner, first, boxes(), boxes(("car", (5, 2, 8, 5))))
    assert [[one.label for one in each.objects] for each in found] == [
        ["11 to 23", "0 to 57"],
        [],
        ["25 to 47"],
    ]
    car = found[0].objects[0]
    assert (car.box, car.score, car.found_label, car.found_score) == (
        (1, 1, 4, 3),
        0.75,
        "car",
        0.9,
    )
    assert (found[1].width, found[1].height) == (8, 6)
    calls = runner._members["makes"].predictor.calls  # type: ignore[attr-defined]
    assert calls == [3]


def test_only_the_labels_that_are_named_are_looked_at(tmp_path: Path) -> None:
    runner = run(street(labels=["car"]), tmp_path)
    (found,) = finer(runner, boxes(("cat", (0, 0, 2, 2)), ("car", (1, 1, 4, 3))))
    cat, car = found.objects
    assert (cat.label, cat.score, cat.found_label, cat.is_finer) == ("cat", 0.9, "cat", False)
    assert (car.label, car.is_finer) == ("11 to 23", True)


def test_boxes_that_were_looked_at_have_vectors_and_read_as_embeddings(tmp_path: Path) -> None:
    steps = {"found": Step(Boxes()), "faces": Step(Corners(), after="found", labels=["face"])}
    runner = run(Graph("people", steps, answer=People), tmp_path)
    payload = boxes(("cat", (0, 0, 2, 2)), ("face", (1, 1, 4, 3)), ("face", (0, 0, 1, 6)))
    (found,) = runner.predict([runner.decode(payload)])
    people = msgspec.convert(msgspec.to_builtins(found), People)
    (face,) = people.faces.objects
    assert (face.label, face.score, face.box) == ("face", 0.9, (1, 1, 4, 3))
    assert read_embedding(msgspec.json.encode(face), 2).tolist() == [11.0, 23.0]
    (nobody,) = runner.predict([runner.decode(boxes())])
    assert msgspec.convert(msgspec.to_builtins(nobody), People).faces.objects == []


def test_a_margin_stays_within_the_image(tmp_path: Path) -> None:
    runner = run(street(margin=0.5), tmp_path)
    (found,) = finer(runner, boxes(("car", (2, 2, 4, 4)), ("car", (0, 0, 4, 4))))
    assert found.labels == ["11 to 44", "0 to 55"]


def test_a_crop_is_at_least_a_pixel() -> None:
    image = np.zeros((6, 8, 3), np.uint8)
    assert crop(image, (8.0, 6.0, 8.0, 6.0), 0.0).shape == (1, 1, 3)
    assert crop(image, (3.4, 2.6, 3.45, 2.7), 0.0).shape == (1, 1, 3)
    assert crop(image, (-5.0, -5.0, 50.0, 50.0), 1.0).shape == (6, 8, 3)


def test_a_box_that_makes_no_input_keeps_the_detectors_label(tmp_path: Path) -> None:
    (found,) = finer(run(street(), tmp_path), boxes(("car", (1, 1, 2, 6)), ("car", (1, 1, 4, 3))))
    assert [one.is_finer for one in found.objects] == [False, True]


def test_crops_of_all_records_go_through_in_bounded_batches(tmp_path: Path) -> None:
    classifier = Corner(max_batch_rows=4)
    graph = Graph(
        "street", {"found": Step(Boxes()), "makes": Step(classifier, after="found")}, answer=Street
    )
    runner = run(graph, tmp_path)
    payload = boxes(*[("car", (1, 1, 4, 3))] * 3)
    assert [len(each.objects) for each in finer(runner, *[payload] * 3)] == [3, 3, 3]
    assert runner._members["makes"].predictor.calls == [4, 4, 1]  # type: ignore[attr-defined]


def test_a_record_is_answered_by_every_step_or_by_none(tmp_path: Path) -> None:
    runner = run(street(), tmp_path)
    good, bad = boxes(("car", (1, 1, 4, 3))), boxes(("car", (3, 3, 5, 5)), ("car", (1, 1, 4, 3)))
    first, error, last = finer(runner, good, bad, good)
    assert first == last
    assert first.labels == ["11 to 23"]
    assert isinstance(error, RecordError)
    assert (error.reason, error.detail) == (Reason.INVALID_OUTPUT, "step makes: told to refuse")


def test_a_model_after_a_detector_must_decode_in_two_steps(tmp_path: Path) -> None:
    graph = Graph(
        "g", {"found": Step(Boxes()), "makes": Step(Scripted("a"), after="found")}, answer=Street
    )
    with pytest.raises(SetupError, match="SharingPredictor"):
        run(graph, tmp_path)


def test_a_model_that_fails_on_a_blank_crop_is_refused(tmp_path: Path) -> None:
    graph = Graph(
        "g", {"found": Step(Boxes()), "makes": Step(Opening("a"), after="found")}, answer=Street
    )
    with pytest.raises(SetupError, match="'makes' is to look at crops, and a@1 fails"):
        run(graph, tmp_path)


def test_a_model_that_reads_no_text_is_refused(tmp_path: Path) -> None:
    graph = Graph(
        "g",
        {
            "words": Step(Writes("w", Transcript)),
            "reply": Step(Writes("g", Generated), after="words"),
            "length": Step(Corner(), after="reply"),
        },
        answer=Heard,
    )
    with pytest.raises(SetupError, match="'length' is to read a text, and corner@1 reads none"):
        run(graph, tmp_path)


def heard(*, draws: bool = False) -> Graph[Heard]:
    return Graph(
        "heard",
        {
            "words": Step(Writes("w", Transcript)),
            "reply": Step(Writes("g", Generated, draws=draws), after="words"),
            "length": Step(Writes("r", Prediction), after="reply"),
        },
        answer=Heard,
    )


def test_a_text_goes_from_step_to_step(tmp_path: Path) -> None:
    runner = run(heard(), tmp_path)
    (found,) = runner.predict([runner.decode(b"hello you")])
    answer = msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Heard)
    assert answer.words.text == "hello you"
    assert answer.reply == Generated("HELLO YOU", "end", 1, 1)
    assert answer.length == Prediction("9", 1.0)


def test_after_a_blank_text_there_is_nothing_to_read(tmp_path: Path) -> None:
    runner = run(heard(), tmp_path)
    found = runner.predict([runner.decode(b"   "), runner.decode(b"ab")])
    assert [one["reply"] is None for one in found if isinstance(one, dict)] == [True, False]
    assert isinstance(found[0], dict)
    assert found[0]["length"] is None
    assert msgspec.convert(found[0], Heard, from_attributes=True).words.text == ""


def test_a_step_that_draws_at_random_has_the_records_seed(tmp_path: Path) -> None:
    graph = heard(draws=True)
    runner = run(graph, tmp_path)
    record = Record("topic", 0, 7, 0, None, b"hello", ())
    (found,) = runner.predict([runner.decode(graph.payload(record))])
    assert isinstance(found, dict)
    assert found["words"].text == "hello"
    assert found["reply"].text == f"{seed_of(record).hex()} hello".upper()
    (again,) = runner.predict([runner.decode(graph.payload(record))])
    assert again == found


@pytest.mark.parametrize("draws", [False, True])
def test_a_step_is_told_what_the_record_says_and_nothing_of_a_text(
    tmp_path: Path, draws: bool
) -> None:
    steps = {
        "words": Step(Greets("w", Transcript)),
        "reply": Step(Greets("g", Generated, draws=draws), after="words"),
        "length": Step(Writes("r", Prediction)),
    }
    graph = Graph("heard", steps, answer=Heard)
    assert graph.is_told
    record = Text("t", 0, 7, 0, None, b'{"text": "you", "greeting": "hello"}', ())
    record.check(graph.limits)
    runner = run(graph, tmp_path)
    (found,) = runner.predict([runner.decode(graph.payload(record))])
    assert isinstance(found, dict)
    assert found["words"].text == "w: hello, you"
    seed = f"{seed_of(record).hex()} " if draws else ""
    assert found["reply"].text == f"nobody, {seed}w: hello, you".upper()
    assert found["length"].label == "3"


def test_what_must_be_told_reads_no_text() -> None:
    steps = {
        "words": Step(Writes("w", Transcript)),
        "reply": Step(Greets("g", Generated, must=True), after="words"),
        "length": Step(Writes("r", Prediction), after="words"),
    }
    with pytest.raises(ConfigError, match="declare its `labels`"):
        Graph("heard", steps, answer=Heard)
    assert Graph("heard", {**steps, "reply": Step(steps["reply"].model)}, answer=Heard).must_be_told


def test_what_the_first_step_cannot_take_is_refused_when_it_is_decoded(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        run(heard(), tmp_path).decode(b"bad")
    assert caught.value.reason is Reason.UNDECODABLE
