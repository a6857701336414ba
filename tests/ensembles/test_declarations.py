"""What can be declared, what it costs, and what its version stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from aimass_stream.adapters.inline import Inline
from aimass_stream.adapters.transformers import Transformers
from aimass_stream.cli.app_report import ModelReport, _located
from aimass_stream.ensembles.alignment import Alignment
from aimass_stream.ensembles.ensemble import Ensemble
from aimass_stream.ensembles.graph import Graph, Step
from aimass_stream.errors import ConfigError, SetupError
from aimass_stream.model import Model, ModelSpec
from aimass_stream.records import (
    Detections,
    FinerDetections,
    Generated,
    Prediction,
    Record,
    Transcript,
    Vote,
)
from aimass_stream.registry.folder import publish, resolve
from aimass_stream.runtime.predictors import Predictors
from aimass_stream.transforms import Chain, Greyscale
from tests.ensembles.fakes import Boxes, Corner, Scripted, Writes

A, B = Scripted("a"), Scripted("b", units=3.0)
IMAGES = Transformers("image-classification", "models://digits")
TEXTS = Transformers("text-classification", "models://intents")
RECORD = Record("t", 0, 0, 0, None, b"x", ())


class Street(msgspec.Struct, frozen=True):
    makes: FinerDetections


class Heard(msgspec.Struct, frozen=True):
    words: Transcript
    intent: Prediction | None


class Careless(msgspec.Struct, frozen=True):
    words: Transcript
    intent: Prediction


class Owned(Scripted):
    def payload(self, record: Record) -> bytes:
        return b"own" + record.bytes


class Drawn(Scripted):
    seeded = True


def wrong_ensembles() -> dict[str, dict[str, Any]]:
    inline = Inline("i", lambda chunk: [Prediction("a", 1.0)] * len(chunk), answer=Prediction)
    return {
        "two members or more": {"members": (A,)},
        "no `Prediction`s": {"members": (A, Boxes())},
        "is no model": {"members": (A, "models://b")},
        "runs in the worker": {"members": (A, inline)},
        "payloads of its own": {"members": (A, Owned("o"))},
        "draws at random": {"members": (A, Drawn("d"))},
        "none of average": {"by": "mean"},
        "give 2 weights": {"weights": (1,)},
        "above 0": {"weights": (1, 0)},
        "takes no weights": {"by": "cascade", "weights": (1, 1)},
        "needs a combiner": {"by": "stacking"},
        "nothing else takes one": {"combiner": "models://c"},
        "not within 0 to 1": {"by": "cascade", "confidence": 90},
        "within 1 to 2": {"quorum": 3},
        "has no quorum": {"by": "cascade", "quorum": 2},
        "below 1": {"top": 0},
        "reads Image and .* reads Text": {"members": (IMAGES, TEXTS)},
        "takes no before": {"before": Chain(Greyscale())},
        "of the wrong type": {"members": A},
        "wrong type: could not convert": {"weights": ("a", "b")},
        "wrong type: '<": {"confidence": "high"},
        "max_batch_rows=0": {"max_batch_rows": 0},
    }


@pytest.mark.parametrize("text", wrong_ensembles())
def test_an_ensemble_that_cannot_be_is_refused(text: str) -> None:
    settings = {"members": (A, B), **wrong_ensembles()[text]}
    with pytest.raises(ConfigError, match=text):
        Ensemble("e", **settings)


def wrong_graphs() -> dict[str, tuple[dict[str, Step], type[Any]]]:
    words, found = Step(Writes("w", Transcript)), Step(Boxes())
    reader = Step(Writes("r", Prediction), after="words")
    return {
        "a name, and a step": ({}, Heard),
        "no step before it": ({"intent": reader, "words": words}, Heard),
        "no model reads": ({"words": Step(A), "intent": reader}, Heard),
        "labels, a margin or places": (
            {"words": Step(words.model, labels=["a"]), "intent": reader},
            Heard,
        ),
        "after a detector": ({"found": found, "makes": Step(words.model, after="found")}, Street),
        "margin of 2": ({"found": found, "makes": Step(A, after="found", margin=2)}, Street),
        "'intent', which is no step": ({"words": words}, Heard),
        "must allow None": ({"words": words, "intent": reader}, Careless),
        "no msgspec.Struct": ({"words": words}, dict),
        "is no Step, but .*Scripted": ({"words": A}, Heard),  # type: ignore[dict-item]
        "give them by name": ([words], Heard),  # type: ignore[dict-item]
        "is no model": ({"words": Step("a")}, Heard),  # type: ignore[arg-type]
        "labels='car'": ({"found": found, "makes": Step(A, after="found", labels="car")}, Street),
        "margin of 'a'": ({"found": found, "makes": crop_of(margin="a")}, Street),
        "'found' tells none": ({"found": found, "makes": crop_of(align=FACES)}, Street),
        "no margin beside": ({"found": found, "makes": crop_of(align=FACES, margin=0.1)}, Street),
        "Image and .* reads Text": ({"words": Step(IMAGES), "intent": Step(TEXTS)}, Heard),
        "answer='words'": ({"words": words}, "words"),  # type: ignore[dict-item]
    }


FACES = Alignment.of_faces()


def crop_of(**settings: Any) -> Step:
    return Step(A, after="found", **settings)


@pytest.mark.parametrize("text", wrong_graphs())
def test_a_graph_that_cannot_be_is_refused(text: str) -> None:
    steps, answer = wrong_graphs()[text]
    with pytest.raises(ConfigError, match=text):
        Graph("g", steps, answer=answer)


def test_a_graph_takes_no_chain_of_its_own() -> None:
    with pytest.raises(ConfigError, match=r"^Graph\('g'\): it takes no before"):
        Graph("g", {}, answer=Heard, before=Chain(Greyscale()))  # type: ignore[call-arg]


def test_a_whole_takes_what_its_parts_take() -> None:
    assert Ensemble("e", (IMAGES, A)).takes == "Image"
    steps = {"words": Step(Writes("w", Transcript)), "intent": Step(TEXTS, after="words")}
    assert Graph("g", steps, answer=Heard).takes == ""
    assert Ensemble("e", (A, B)).takes == ""
    # A text that another step wrote is no record.
    recogniser = Transformers("automatic-speech-recognition", "models://words")
    heard = Graph("g", {**steps, "words": Step(recogniser)}, answer=Heard)
    assert heard.takes == "Audio"


def test_a_record_costs_what_it_costs_all_members() -> None:
    assert Ensemble("e", (A, B)).cost(RECORD) == 4.0
    steps = {"found": Step(Boxes()), "makes": Step(B, after="found")}
    assert Graph("g", steps, answer=Street).cost(RECORD) == 4.0 + 1.0


def test_answers_have_their_types() -> None:
    steps = {"found": Step(Boxes()), "makes": Step(A, after="found")}
    assert Graph("g", steps, answer=Street).answer_type is Street
    assert Ensemble("e", (A, B)).answer_type is Vote


def versions(tmp_path: Path, *models: Model[Any]) -> list[str]:
    return [resolve(model, tmp_path).version for model in models]


def test_the_version_changes_with_every_member_and_setting(tmp_path: Path) -> None:
    found = versions(
        tmp_path,
        Ensemble("e", (A, B)),
        Ensemble("e", (B, A)),
        Ensemble("e", (A, Scripted("b", version="2"))),
        Ensemble("e", (A, B), by="majority"),
        Ensemble("e", (A, B), weights=(1, 2)),
        Ensemble("e", (A, B), quorum=2),
        Ensemble("e", (A, B), by="cascade"),
        Ensemble("e", (A, B), by="cascade", confidence=0.8),
    )
    assert len(set(found)) == len(found)
    assert versions(tmp_path, Ensemble("other", [A, B], latency_ms=9)) == found[:1]


def test_the_version_changes_with_every_step(tmp_path: Path) -> None:
    def street(**settings: Any) -> Graph[Street]:
        steps = {"found": Step(Boxes()), "makes": Step(A, after="found", **settings)}
        return Graph("g", steps, answer=Street)

    found = versions(tmp_path, street(), street(margin=0.1), street(labels=["car"]))
    assert len(set(found)) == len(found)
    fewer = {"found": Step(Boxes(max_batch_rows=2)), "makes": Step(A, after="found")}
    assert versions(tmp_path, Graph("g", fewer, answer=Street)) == found[:1]


def test_members_of_the_registry_are_resolved_and_their_versions_counted(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "vocab.txt").write_text("a")
    registry = tmp_path / "registry"

    def train(text: str) -> None:
        (source / "config.json").write_text(f'{{"text": "{text}"}}')
        publish(registry, "small", source, task="text-classification")

    train("first")
    declared = Ensemble("e", (Transformers("text-classification", "models://small"), A))
    pinned = Ensemble("e", (Transformers("text-classification", "models://small@1"), A))
    first = resolve(declared, registry)
    assert [part.id for part in first.parts] == ["small@1", "a@1"]
    assert first.name == "e"
    train("second")
    second = resolve(declared, registry)
    assert [part.id for part in second.parts] == ["small@2", "a@1"]
    assert second.version != first.version
    assert resolve(pinned, registry).version == first.version


def test_an_ensemble_in_a_graph_brings_its_members(tmp_path: Path) -> None:
    image = Transformers("image-classification", "models://x")
    members = (image, Corner())
    graph = Graph(
        "g",
        {"found": Step(Boxes()), "makes": Step(Ensemble("e", members), after="found")},
        answer=Street,
    )
    assert _located([graph]) == {ModelReport("models://x", image.task, image.adapter)}
    spec = resolve(
        Graph("h", {"found": Step(Boxes()), "makes": Step(A, after="found")}, answer=Street),
        tmp_path,
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(spec), type=ModelSpec) == spec


async def test_damaged_files_of_a_member_are_noticed_when_it_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "member"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    member = Transformers("text-classification", str(folder))
    spec = resolve(Ensemble("e", (member, A)), tmp_path)
    (folder / "config.json").write_text("[]")
    with pytest.raises(SetupError, match="have changed"):
        await Predictors("cpu", 1).load(spec)


def test_what_writes_may_be_read() -> None:
    class Said(msgspec.Struct, frozen=True):
        intent: Prediction | None

    steps = {
        "words": Step(Writes("w", Transcript)),
        "english": Step(Writes("g", Generated), after="words"),
        "intent": Step(Writes("r", Prediction), after="english"),
    }
    assert Graph("g", steps, answer=Said).options["tells"] == ["intent"]
    assert issubclass(Detections, msgspec.Struct)
