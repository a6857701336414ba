"""Support messages: known truth, no phrase in both splits, and a baseline to beat."""

from itertools import islice

import pytest

from aimass_stream.training.message_phrases import STREAM, TRAIN
from aimass_stream.training.messages import (
    INTENTS,
    KINDS,
    Message,
    NearestWords,
    Split,
    messages,
)


def take(split: Split, rows: int, *, noise: float = 0.1, seed: int = 0) -> list[Message]:
    return list(islice(messages(split, noise=noise, seed=seed), rows))


def test_no_phrase_is_in_both_splits() -> None:
    assert set(TRAIN) == set(STREAM) == set(INTENTS)
    learnt = {phrase for phrases in TRAIN.values() for phrase in phrases}
    streamed = {phrase for phrases in STREAM.values() for phrase in phrases}
    assert not learnt & streamed
    for phrases in (*TRAIN.values(), *STREAM.values()):
        assert len({phrase.isascii() for phrase in phrases}) == 2


def test_same_arguments_give_the_same_messages() -> None:
    assert take("stream", 50, seed=3) == take("stream", 50, seed=3)
    assert take("stream", 50, seed=3) != take("stream", 50, seed=4)
    assert len({one.text for one in take("stream", 500)}) > 490


@pytest.mark.parametrize("split", ["train", "stream"])
def test_entities_stand_where_they_are_said_to_be(split: Split) -> None:
    found = take(split, 500)
    kinds = set()
    for one in found:
        before = 0
        for span in one.entities:
            assert before <= span.start < span.end <= len(one.text)
            held = one.text[span.start : span.end]
            assert held == held.strip()
            assert span.label not in {"order", "date", "amount"} or any(map(str.isdigit, held))
            kinds.add(span.label)
            before = span.end
    assert kinds == set(KINDS)
    assert {one.intent for one in found} == set(INTENTS)
    chinese = sum(not one.text.isascii() for one in found) / len(found)
    assert 0.1 < chinese < 0.3


def test_clean_messages_are_easier() -> None:
    baseline = NearestWords(rows=1000)
    shares = []
    for noise in (0.0, 0.1, 0.4):
        held_out = take("stream", 800, noise=noise, seed=5)
        found = baseline.predict([one.text for one in held_out])
        right = [one == other.intent for one, other in zip(found, held_out, strict=True)]
        shares.append(sum(right) / len(right))
    assert shares[0] > shares[1] > shares[2] > 0.4
    assert 0.75 < shares[1] < 0.95
