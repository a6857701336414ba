"""Declarations of models and learners refuse settings with which they could answer nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aimass_stream import Inline, Torch, Transformers
from aimass_stream.adapters.spectrum import MelSpectrum
from aimass_stream.errors import ConfigError
from aimass_stream.learners.anomaly import ValueDetector
from aimass_stream.learners.heads import Head
from aimass_stream.learners.recommendation import Recommender
from aimass_stream.model import Model
from aimass_stream.records import Prediction


def inline(**settings: Any) -> Model[Prediction]:
    return Inline("i", lambda chunk: [b"{}"] * len(chunk), answer=Prediction, **settings)


def classifier(**settings: Any) -> Model[Any]:
    return Transformers("image-classification", "models://digits", **settings)


def head(**settings: Any) -> Head:
    return Head("h", labels=("a", "b"), **{"dimensions": 3, **settings})


@pytest.mark.parametrize("declare", [inline, classifier])
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"latency_ms": -1}, "latency_ms=-1: it must be a number above 0"),
        ({"latency_ms": math.nan}, "latency_ms=nan"),
        ({"latency_ms": "50"}, "latency_ms='50'"),
        ({"timeout_s": 0}, "timeout_s=0"),
        ({"timeout_s": math.inf}, "timeout_s=inf"),
        ({"max_batch_rows": 0}, "max_batch_rows=0: it must be a whole number, at least 1"),
        ({"max_batch_rows": 2.5}, "max_batch_rows=2.5"),
        ({"circuit_failures": True}, "circuit_failures=True"),
        ({"limits": 9}, "limits=9: it must be `Limits`"),
    ],
)
def test_a_model_with_a_number_that_cannot_be_is_refused(
    declare: Callable[..., Any], settings: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        declare(**settings)
    assert text in str(refusal.value)


def test_a_refusal_names_the_declaration() -> None:
    with pytest.raises(ConfigError, match=r"^Transformers\('models://digits'\): latency_ms=-1"):
        classifier(latency_ms=-1)
    with pytest.raises(ConfigError, match=r"^Inline\('i'\): timeout_s=-1"):
        inline(timeout_s=-1)


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (lambda: head(block_rows=0), "block_rows=0"),
        (lambda: head(snapshot_rows=0), "snapshot_rows=0"),
        (lambda: head(timeout_s=0), "timeout_s=0"),
        (lambda: head(dimensions="3"), "dimensions='3'"),
        (lambda: head(half_life=0), "half_life=0"),
        (lambda: Head("", labels=("a", "b"), dimensions=3), "give it a name"),
        (lambda: Recommender("r", session_gap_s=0), "session_gap_s=0"),
        (lambda: Recommender("r", block_rows=-1), "block_rows=-1"),
        (lambda: ValueDetector("v", snapshot_rows=0), "snapshot_rows=0"),
        (lambda: MelSpectrum("m", bands=2), "bands=2: it must be a whole number, at least 4"),
        (lambda: MelSpectrum("m", max_batch_rows=0), "max_batch_rows=0"),
    ],
)
def test_a_learner_with_a_number_that_cannot_be_is_refused(
    declare: Callable[[], Any], text: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        declare()
    assert text in str(refusal.value)


def test_a_setting_that_is_not_taken_is_named_beside_those_that_are() -> None:
    with pytest.raises(ConfigError) as refused:
        inline(latency=5)
    assert str(refused.value) == (
        "Inline('i'): it takes no latency. Did you mean latency_ms? It takes latency_ms, "
        "timeout_s, max_batch_rows, limits, circuit_failures, name, predict, version, answer."
    )
    with pytest.raises(ConfigError, match=r"^Head\('h'\): it takes no rows\. It takes .*labels"):
        head(rows=5)


def test_a_class_with_a_constructor_of_its_own_knows_what_it_takes() -> None:
    class Mine(Model[Prediction]):
        adapter = "mine:Predictor"

        def __init__(self, path: str) -> None:
            super().__init__(latency_ms=5)
            object.__setattr__(self, "path", path)

    @dataclass(frozen=True)
    class More(Inline[Prediction]):
        extra: int = 0

    assert vars(Mine(path="here"))["path"] == "here"
    assert More("m", lambda _: [], extra=3, answer=Prediction).extra == 3
    with pytest.raises(ConfigError, match=r"takes no extras\. Did you mean extra\? "):
        More("m", lambda _: [], extras=3, answer=Prediction)  # type: ignore[call-arg]


def test_what_a_model_takes_is_told_by_its_task() -> None:
    assert classifier().takes == "Image"
    assert Torch("object-detection", "x").takes == "Image"
    assert Transformers("question-answering", "x").takes == "Question"
    assert inline().takes == ""
