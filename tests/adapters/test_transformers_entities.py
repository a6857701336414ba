"""Entities: the library's own answers, with places that are right in any script."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import pipeline

from aimass_stream.adapters.transformers_entities import EntityFinder, _runs
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import Predictor
from aimass_stream.records import Entities
from tests.adapters.text_models import TEXTS, build, spec


@pytest.fixture(autouse=True)
def _one_core() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("tagger", tmp_path_factory.mktemp("models") / "tagger")


@pytest.fixture(scope="module")
def finder(folder: Path) -> EntityFinder:
    return EntityFinder(spec(folder), "cpu")


def answer(finder: EntityFinder, text: str) -> Entities:
    (found,) = finder.predict([finder.decode(text.encode())])
    assert isinstance(found, Entities)
    return found


SHORT = [text for text in TEXTS if len(text) < 100 and "\0" not in text]


@pytest.mark.parametrize("text", SHORT)
def test_entities_are_those_of_the_library(folder: Path, finder: EntityFinder, text: str) -> None:
    library = pipeline("token-classification", str(folder), aggregation_strategy="first")
    expected: list[dict[str, Any]] = library(text)
    found = answer(finder, text).entities
    assert [(one.label, one.start, one.end) for one in found] == [
        (one["entity_group"], one["start"], one["end"]) for one in expected
    ]
    assert [one.score for one in found] == pytest.approx(
        [float(one["score"]) for one in expected], abs=1e-4
    )


@pytest.mark.parametrize("text", TEXTS)
def test_places_count_the_characters_of_the_text(finder: EntityFinder, text: str) -> None:
    found = answer(finder, text).entities
    before = 0
    for one in found:
        assert before <= one.start < one.end <= len(text)
        assert one.text == text.replace("\0", " ")[one.start : one.end]
        assert one.text == one.text.strip()
        before = one.end
    assert found or len(text) < 30


def test_alone_and_in_any_batch_answers_agree(finder: EntityFinder) -> None:
    inputs = [finder.decode(text.encode()) for text in TEXTS * 2]
    together, backwards = finder.predict(inputs), finder.predict(inputs[::-1])[::-1]
    for one, *others in zip(inputs, together, backwards, strict=True):
        (alone,) = finder.predict([one])
        for other in others:
            assert_same(alone, other)
    assert finder.predict([]) == []
    assert isinstance(finder, Predictor)


def assert_same(one: object, other: object) -> None:
    assert isinstance(one, Entities)
    assert isinstance(other, Entities)
    for found, again in zip(one.entities, other.entities, strict=True):
        assert (found.label, found.start, found.end) == (again.label, again.start, again.end)
        assert found.score == pytest.approx(again.score, abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("", []),
        ("O O", []),
        ("B-a I-a O B-a", [("a", 0, 2), ("a", 3, 4)]),
        ("B-a B-a I-a", [("a", 0, 1), ("a", 1, 3)]),
        ("I-a I-a I-b", [("a", 0, 2), ("b", 2, 3)]),
        ("B-a I-b", [("a", 0, 1), ("b", 1, 2)]),
        ("a a O a", [("a", 0, 2), ("a", 3, 4)]),
    ],
)
def test_words_in_a_row_make_an_entity(labels: str, found: list[tuple[str, int, int]]) -> None:
    split = [
        (name[2:], name[0] == "B") if name[1:2] == "-" else (name, False) for name in labels.split()
    ]
    assert list(_runs(split)) == found


def test_scores_that_are_not_finite_are_no_answer(folder: Path) -> None:
    finder = EntityFinder(spec(folder), "cpu")
    passage = finder.decode(b"refund")
    with torch.no_grad():
        finder._model.classifier.bias.fill_(float("nan"))
    (found,) = finder.predict([passage])
    assert isinstance(found, RecordError)
    assert found.reason is Reason.INVALID_OUTPUT


def test_model_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no trained weights for classifier"):
        EntityFinder(spec(build("encoder", tmp_path)), "cpu")
