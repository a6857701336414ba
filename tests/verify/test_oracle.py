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


GOOD = [
    (identity.SOURCE, b"in/0/7"),
    (identity.ID, b"id"),
    (identity.AGENT, b"agent"),
    (identity.REASON, b"model_error"),
]


@pytest.mark.parametrize(
    "source",
    [None, b"", b"in", b"in/0", b"in/zero/7", b"in/0/-1", b"\xff/\xfe", b"in/0/" + b"9" * 5000],
)
@pytest.mark.parametrize("topic", ["out", "app.dead_letters"])
def test_a_record_that_names_no_source_is_foreign(topic: str, source: bytes | None) -> None:
    oracle = Oracle("kafka://127.0.0.1:1", "app", [Watched("agent", "in", "out")])
    others = [(name, held) for name, held in GOOD if name != identity.SOURCE]
    foreign = others if source is None else [*others, (identity.SOURCE, source)]
    oracle._read(
        Chunk(topic, 0, [0, 1], [0, 0], [None, None], [b"garbage", b"good"], [foreign, GOOD])
    )
    account = oracle.accounts["agent"]
    assert oracle.foreign == {topic: 1}
    assert [*account.answers, *account.dead] == [(0, 7)]
    assert account.duplicated == 0


def test_a_dead_letter_without_a_reason_or_an_agent_is_foreign() -> None:
    oracle = Oracle("kafka://127.0.0.1:1", "app", [Watched("agent", "in", "out")])
    for missing in (identity.REASON, identity.AGENT):
        headers = [(name, held) for name, held in GOOD if name != missing]
        oracle._read(Chunk("app.dead_letters", 0, [0], [0], [None], [b"x"], [headers]))
    assert oracle.foreign == {"app.dead_letters": 2}
    assert oracle.accounts["agent"].dead == {}


@pytest.mark.parametrize(
    "value", [None, b"", b"garbage", b"\xff\xfe", b"{}", b'{"agent":1}', b"[" * 100_000]
)
def test_what_is_no_outcome_is_foreign(value: bytes | None) -> None:
    oracle = Oracle("kafka://127.0.0.1:1", "app", [Watched("agent", "in", "out")])
    oracle._read(Chunk("app.outcomes", 0, [0], [0], [None], [value], [()]))
    oracle._read(outcomes("quiet"))
    assert oracle.foreign == {"app.outcomes": 1}
    assert oracle.accounts["agent"].fates == {(0, 7): "quiet"}


def test_a_foreign_record_is_counted_once_however_many_agents_write_its_topic() -> None:
    watched = [Watched("agent", "in", "out"), Watched("other", "more", "out")]
    oracle = Oracle("kafka://127.0.0.1:1", "app", watched)
    oracle._read(Chunk("out", 0, [0], [0], [None], [b"garbage"], [()]))
    assert oracle.foreign == {"out": 1}
