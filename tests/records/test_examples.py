"""Examples of every record type: valid, different, and the same again for the same seed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from aimass_stream.codecs.audio import decode_audio
from aimass_stream.codecs.images import decode_image
from aimass_stream.codecs.text import decode_text
from aimass_stream.records import (
    Audio,
    Behaviour,
    Clip,
    Example,
    FeedbackRecord,
    Image,
    Limits,
    Prompt,
    Question,
    Text,
)
from aimass_stream.records.chunk import Record
from aimass_stream.records.payload import PayloadRecord

COUNT = 300
LIMITS = Limits()
KINDS = [Record, Image, Audio, Clip, Text, Prompt, Question, Behaviour, FeedbackRecord]


def record_types(kind: type[Record] = Record) -> set[type[Record]]:
    """All record types of the package, tables without a format excepted."""
    found = {kind} if kind is not PayloadRecord else set()
    for derived in kind.__subclasses__():
        if derived.__module__.startswith("aimass_stream."):
            found |= record_types(derived)
    return found


def open_example(kind: type[Record], example: Example) -> Record:
    record = kind("topic", 0, 0, 1_700_000_000_000, example.key, example.value, example.headers)
    record.check(LIMITS)
    return record


def test_every_record_type_is_tested_here() -> None:
    assert record_types() == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_examples_are_accepted_small_and_all_different(kind: type[Record]) -> None:
    examples = kind.examples(COUNT)
    payloads = {open_example(kind, example).bytes for example in examples}
    assert len(payloads) == COUNT
    assert all(0 < len(example.value) < 10_000 for example in examples)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_decides_and_more_examples_begin_with_the_same(kind: type[Record]) -> None:
    assert kind.examples(20, seed=3) == kind.examples(9, seed=3) + kind.examples(20, seed=3)[9:]
    assert not {e.value for e in kind.examples(9)} & {e.value for e in kind.examples(9, seed=1)}
    assert kind.examples(0) == []


@pytest.mark.parametrize("kind", [Record, Image, Audio, Text, Behaviour])
def test_keys_spread_over_many_users(kind: type[Record]) -> None:
    assert len({example.key for example in kind.examples(COUNT)}) > 30


def test_pictures_and_recordings_decode_in_every_form() -> None:
    images = [open_example(Image, example) for example in Image.examples(COUNT)]
    for image in images:
        assert decode_image(image.bytes, LIMITS).shape == (28, 28, 3)
    for example in Audio.examples(30):
        assert decode_audio(open_example(Audio, example).bytes, LIMITS, 16_000).shape == (4_000,)
    forms = {example.headers[0][1] for example in Image.examples(COUNT)}
    assert forms == {b"image/png", b"application/json"}
    with_metadata = [image for image in images if isinstance(image, Image) and image.metadata]
    assert 0.3 * COUNT < len(with_metadata) < 0.7 * COUNT


def test_texts_decode_and_are_not_all_ascii() -> None:
    texts = [open_example(Text, example).bytes for example in Text.examples(COUNT)]
    decoded = [decode_text(text, LIMITS) for text in texts]
    assert not all(text.isascii() for text in decoded)
    assert {example.headers[0][1] for example in Text.examples(COUNT)} == {
        b"text/plain",
        b"application/json",
    }


def test_events_are_of_all_kinds_and_in_the_order_of_time() -> None:
    events = [open_example(Behaviour, example) for example in Behaviour.examples(COUNT)]
    actions = [event.action for event in events if isinstance(event, Behaviour)]
    assert {action.kind for action in actions} == {"view", "click", "buy", "position"}
    assert all(first.time_ms < second.time_ms for first, second in pairwise(actions))
    assert all(
        event.key == action.user.encode() for event, action in zip(events, actions, strict=True)
    )


def test_a_payload_type_without_a_drawing_says_what_to_do() -> None:
    class Scan(PayloadRecord):
        kind = "a scan"

    with pytest.raises(NotImplementedError, match="Scan has no examples: override `draw_payload`"):
        Scan.examples(1)
