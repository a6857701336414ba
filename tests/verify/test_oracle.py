"""What the oracle calls lost and what it calls the same."""

import msgspec
import numpy as np
import pytest

from aimass_stream.kafka.outcomes import Outcomes, encode
from aimass_stream.records import Chunk, Embedding, identity
from aimass_stream.verify.oracle import Account, Oracle, Watched, agree


def vector(*numbers: float) -> bytes:
    return msgspec.json.encode(Embedding.of(np.array(numbers)))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (b'{"label":"3","score":0.91234567}', b'{"label":"3","score":0.91234571}', True),
        (b'{"label":"3","score":0.91}', b'{"label":"3","score":0.92}', False),
        (b'{"label":"3"}', b'{"label":"4"}', False),
        (b'{"a":[1.0,2.0]}', b'{"a":[1.0]}', False),
        (b'{"a":1}', b'{"a":true}', False),
        (b"\xff", b"\xfe", False),
        (b"same", b"same", True),
        (vector(0.5, 0.25), vector(0.50001, 0.25), True),
        (vector(0.5, 0.25), vector(0.6, 0.25), False),
        (vector(0.5, 0.25), vector(0.5), False),
    ],
)
def test_agreement(first: bytes, second: bytes, same: bool) -> None:
    assert agree(first, second) is same


def test_an_outcome_must_be_borne_out_by_its_topic() -> None:
    account = Account(
        arrived_ms={(0, 0): 1, (0, 1): 1, (0, 2): 1, (0, 3): 1, (0, 4): 1},
        fates={(0, 0): "answered", (0, 1): "answered", (0, 2): "dead_lettered", (0, 3): "quiet"},
        answers={(0, 0): b"a"},
    )
    assert account.lost() == [(0, 1), (0, 2), (0, 4)]
    assert account.counts() == {"in": 5, "answered": 2, "quiet": 1, "dead_lettered": 1}


def test_repeats_are_counted_by_id() -> None:
    oracle = Oracle("kafka://127.0.0.1:1", "app", [Watched("agent", "in", "out")])
    headers = [(identity.SOURCE, b"in/0/7"), (identity.ID, b"id")]
    values = [b'{"score":0.5}', b'{"score":0.50000001}', b'{"score":0.6}']
    chunk = Chunk("out", 0, [0, 1, 2], [0] * 3, [None] * 3, values, [headers] * 3)
    oracle._read(chunk)
    account = oracle.accounts["agent"]
    assert (account.duplicated, account.differing) == (2, 1)
    assert account.answers == {(0, 7): b'{"score":0.6}'}


def outcomes(fate: str, *, replayed: bool = False) -> Chunk:
    """An outcomes record that says one thing of in/0/7."""
    ranges: dict[str, list[tuple[int, int]]] = {
        "answered": [],
        "quiet": [],
        "dead_lettered": [],
        fate: [(7, 7)],
    }
    value = encode(Outcomes("agent", "in", 0, 7, 7, **ranges, replayed=replayed))
    return Chunk("app.outcomes", 0, [0], [5], [None], [value], [()])


@pytest.mark.parametrize(("replayed", "differing"), [(True, 0), (False, 1)])
def test_the_latest_outcome_counts_and_differs_unless_somebody_replayed(
    replayed: bool, differing: int
) -> None:
    oracle = Oracle("kafka://127.0.0.1:1", "app", [Watched("agent", "in", "out")])
    account = oracle.accounts["agent"]
    headers = [
        (identity.SOURCE, b"in/0/7"),
        (identity.ID, b"id"),
        (identity.AGENT, b"agent"),
        (identity.REASON, b"model_error"),
    ]
    oracle._read(Chunk("in", 0, [7], [1], [None], [b"x"], [()]))
    oracle._read(Chunk("app.dead_letters", 0, [0], [1], [None], [b"x"], [headers]))
    oracle._read(outcomes("dead_lettered"))
    oracle._read(Chunk("out", 0, [0], [1], [None], [b"answer"], [headers]))
    oracle._read(outcomes("answered", replayed=replayed))
    assert account.fates == {(0, 7): "answered"}
    assert account.lost() == []
    assert (account.duplicated, account.differing) == (0, differing)
