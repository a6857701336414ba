"""What a record says beside its payload: read with bounds, and handed to the model that asked."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from aimass_stream import (
    Diffusers,
    Ensemble,
    FinerDetections,
    Graph,
    Image,
    Prompt,
    Step,
    Text,
    Transformers,
)
from aimass_stream.adapters.tasks.told import (
    MOST_NAMES,
    NAME_CHARS,
    PROMPT_CHARS,
)
from aimass_stream.errors import ConfigError, Reason, RecordError
from aimass_stream.model import SEED_BYTES
from aimass_stream.records import Limits
from aimass_stream.records.told import split_told
from tests.zoo.pictures import PICTURES

FREE = Transformers("zero-shot-object-detection", "x")
FILLER = Diffusers("inpainting", "x")
VOICE = Transformers("text-to-speech", "x")
WRITER = Transformers("text-generation", "x")


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


def line(kind: type[Text], headers: Any = (), **fields: Any) -> Text:
    value = orjson.dumps(fields) if fields else b"hello"
    made = kind("t", 0, 0, 0, None, value, headers)
    made.check(Limits())
    return made


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, {}),
        ({"speaker": 2}, {"speaker": 2}),
        ({"speaker": "2", "style": "calm"}, {"speaker": 2, "style": "calm"}),
        ({"style": "calm", "channel": "mail"}, {"style": "calm"}),
        ({"speaker": None}, {}),
    ],
)
def test_how_to_speak_stands_before_the_text(said: Any, told: Any) -> None:
    payload = VOICE.payload(line(Text, text="Grüße, 你好", **said))
    found, text = split_told(payload[SEED_BYTES:])
    assert (found, str(text, "utf-8")) == (told, "Grüße, 你好")


def test_a_text_cannot_pass_for_what_is_said_of_it() -> None:
    told, text = split_told(VOICE.payload(line(Text, text='hi\0{"speaker": 7}'))[SEED_BYTES:])
    assert (told, bytes(text)) == ({}, b'hi\0{"speaker": 7}')


@pytest.mark.parametrize(
    "said", [{"speaker": "anna"}, {"speaker": 1.5}, {"speaker": [1]}, {"style": 3}, {"style": None}]
)
def test_a_manner_that_is_none_costs_the_record(said: Any) -> None:
    with pytest.raises(RecordError) as caught:
        VOICE.payload(line(Text, text="hello", **said))
    assert caught.value.reason is Reason.BAD_ENVELOPE


def test_only_a_prompt_has_controls() -> None:
    said: Any = {"text": "hello", "temperature": 0.5, "style": "calm"}
    told, text = split_told(WRITER.payload(line(Prompt, **said))[SEED_BYTES:])
    assert told == {"temperature": 0.5, "fields": {"style": "calm"}}
    assert bytes(text) == b"hello"
    for plain in (line(Prompt), line(Text, **said)):
        told, text = split_told(WRITER.payload(plain)[SEED_BYTES:])
        assert told == {}
        assert bytes(text) == b"hello"


def test_a_model_with_names_of_its_own_is_given_the_payload_alone() -> None:
    named = Transformers("zero-shot-object-detection", "x", labels=["cat"])
    assert not named.is_told
    assert named.payload(record(["dog"])) == PICTURES[0]


def test_no_ensemble_takes_a_model_that_is_told_more_and_no_graph_behind_another() -> None:
    classifier = Transformers("image-classification", "x")
    free = Transformers("zero-shot-image-classification", "x")
    with pytest.raises(ConfigError, match="from its declaration"):
        Ensemble("e", [classifier, free])
    detector = Transformers("object-detection", "x")
    with pytest.raises(ConfigError, match="declare its `labels`"):
        Graph("g", {"found": Step(detector), "makes": Step(free, after="found")}, answer=Street)


def test_a_graph_hands_names_on_to_the_step_that_asks_for_them() -> None:
    classifier = Transformers("image-classification", "x")
    steps = {"found": Step(FREE), "makes": Step(classifier, after="found")}
    graph = Graph("g", steps, answer=Street)
    told, image = split_told(graph.payload(record(["a cat"])))
    assert told == {"found": {"labels": ["a cat"]}}
    assert bytes(image) == PICTURES[0]
    with pytest.raises(RecordError):
        graph.payload(record())
