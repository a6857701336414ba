"""What a record says beside its payload: read with bounds, and handed to the model that asked."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from aimass_stream import Diffusers, Ensemble, FinerDetections, Graph, Image, Step, Transformers
from aimass_stream.adapters.tasks.told import (
    MOST_NAMES,
    NAME_CHARS,
    PROMPT_CHARS,
    split_told,
)
from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import Limits
from tests.zoo.pictures import PICTURES

FREE = Transformers("zero-shot-object-detection", "x")
FILLER = Diffusers("inpainting", "x")


class Street(msgspec.Struct, frozen=True):
    makes: FinerDetections


def record(labels: object = None, **metadata: object) -> Image:
    told = metadata if labels is None else {"labels": labels, **metadata}
    value, headers = Image.encode_json(PICTURES[0], told)
    made = Image("t", 0, 0, 0, None, value, headers)
    made.check(Limits())
    return made


def test_names_of_an_envelope_stand_before_the_payload() -> None:
    told, image = split_told(FREE.payload(record(["a cat", "红灯"])))
    assert told == {"labels": ["a cat", "红灯"]}
    assert bytes(image) == PICTURES[0]


def test_names_of_a_header_are_json() -> None:
    headers = [("meta-labels", orjson.dumps(["a cat"]))]
    made = Image("t", 0, 0, 0, None, PICTURES[0], headers)
    made.check(Limits())
    assert split_told(FREE.payload(made))[0] == {"labels": ["a cat"]}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (None, Reason.BAD_ENVELOPE),
        ([], Reason.BAD_ENVELOPE),
        ("a cat", Reason.BAD_ENVELOPE),
        ({"a": "cat"}, Reason.BAD_ENVELOPE),
        (["cat", 3], Reason.BAD_ENVELOPE),
        (["cat", "  "], Reason.BAD_ENVELOPE),
        (["cat", "a\u0000b"], Reason.BAD_ENVELOPE),
        (["cat", "cat"], Reason.BAD_ENVELOPE),
        (["x" * (NAME_CHARS + 1)], Reason.TOO_LARGE),
        ([f"n{place}" for place in range(MOST_NAMES + 1)], Reason.TOO_LARGE),
    ],
)
def test_what_is_no_list_of_names_costs_the_record(labels: object, reason: Reason) -> None:
    with pytest.raises(RecordError) as caught:
        FREE.payload(record(labels))
    assert caught.value.reason is reason
    assert "cat" not in caught.value.detail


def test_a_prompt_stands_between_the_seed_and_the_payload() -> None:
    payload = FILLER.payload(record(text="an empty bench"))
    told, image = split_told(payload[SEED_BYTES:])
    assert told == {"text": "an empty bench"}
    assert bytes(image) == PICTURES[0]
    assert split_told(FILLER.payload(record())[SEED_BYTES:])[0] == {"text": ""}
    for wrong, reason in ((3, Reason.BAD_ENVELOPE), ("x" * (PROMPT_CHARS + 1), Reason.TOO_LARGE)):
        with pytest.raises(RecordError) as caught:
            FILLER.payload(record(text=wrong))
        assert caught.value.reason is reason


def test_a_model_with_names_of_its_own_is_given_the_payload_alone() -> None:
    named = Transformers("zero-shot-object-detection", "x", labels=["cat"])
    assert not named.is_told
    assert named.payload(record(["dog"])) == PICTURES[0]


def test_no_ensemble_or_graph_takes_a_model_that_is_told_more() -> None:
    classifier = Transformers("image-classification", "x")
    free = Transformers("zero-shot-image-classification", "x")
    with pytest.raises(ConfigError, match="from its declaration"):
        Ensemble("e", [classifier, free])
    steps = {"found": Step(FREE), "makes": Step(classifier, after="found")}
    with pytest.raises(ConfigError, match="from its declaration"):
        Graph("g", steps, answer=Street)
