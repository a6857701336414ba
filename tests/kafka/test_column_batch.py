"""A batch that is written by column is the batch that the client itself would have built."""

from __future__ import annotations

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from aimass_stream.kafka.answer_headers import header_blocks
from aimass_stream.kafka.messages import Message, Messages
from aimass_stream.kafka.wire import header_block
from aimass_stream.records import Chunk, identity
from aimass_stream.runtime.handover import Answers

LARGE = 1_000_000
PLAIN: list[Message] = [
    (1_700_000_000_000 + number, b"k%d" % number, b'{"id":%d}' % number, [("name", b"v")])
    for number in range(300)
]
ODD: list[Message] = [
    (5, None, b"", []),
    (0, b"", b"earlier than the first", [("", b"")]),
    (2**40, b"k" * 5_000, b"v" * 70_000, [("ключ", bytes(200)), ("ключ", b"again")]),
    (-1, b"key", bytes(range(256)), [(f"h{number}", b"%d" % number) for number in range(100)]),
]


def built(messages: list[Message], compression_type: int) -> bytes:
    """What the client makes of these, one by one."""
    builder = BatchBuilder(LARGE, compression_type)
    for timestamp_ms, key, value, headers in messages:
        assert builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
    builder._set_producer_state(7, 3, 11)
    return bytes(builder._build())


@pytest.mark.parametrize(
    ("messages", "compression_type"),
    [
        pytest.param(PLAIN, 0, id="plain"),
        pytest.param(ODD, 0, id="odd"),
        pytest.param(ODD[:1], 0, id="one"),
        pytest.param(PLAIN, 1, id="gzip"),
        pytest.param(PLAIN, 2, id="snappy"),
        pytest.param(PLAIN, 3, id="lz4"),
        pytest.param(PLAIN, 4, id="zstd"),
    ],
)
def test_a_batch_has_the_bytes_of_the_client_s_own(
    messages: list[Message], compression_type: int
) -> None:
    batch = Messages(messages).batch(0, len(messages), compression_type)
    assert batch.closed()
    assert batch.record_count() == len(messages)
    assert batch.append(timestamp=0, key=None, value=b"late") is None
    batch._set_producer_state(7, 3, 11)
    assert bytes(batch._build()) == built(messages, compression_type)
    assert batch.size() == len(batch._build())


def test_batches_are_cut_at_the_limit_and_hold_one_message_at_least() -> None:
    messages = Messages((0, b"k", bytes(size), []) for size in (10, 10, 10, 500, 10, 90, 10))
    cuts = [*messages.batches(200)]
    assert cuts == [(0, 3), (3, 4), (4, 6), (6, 7)]
    assert [*messages.batches(10_000)] == [(0, 7)]
    assert [*Messages().batches(200)] == []


@pytest.mark.parametrize("states", [[], ["8", "9", "9", "10+4"]], ids=["model", "learner"])
def test_headers_of_answers_are_those_that_name_them_one_by_one(states: list[str]) -> None:
    rows, offsets = [0, 1, 2, 4], [8, 9, 10, 11, 100]
    chained = [(identity.ROOT, b"in/3/77"), (identity.ID, b"abc-77")]
    headers = [(), [("other", b"x"), (identity.ID, b"abc-9")], chained, (), [(identity.ROOT, b"")]]
    chunk = Chunk("in", 2, offsets, [0] * 5, [None] * 5, [b"v"] * 5, headers)
    answers = Answers(1, "m%d@1", rows, [b"a"] * 4, states)
    wanted = []
    for at, row in enumerate(rows):
        source = f"in/2/{offsets[row]}"
        root = "in/3/77" if row == 2 else source
        pairs = [
            (identity.SOURCE, source),
            (identity.ROOT, root),
            (identity.MODEL, "m%d@1"),
            (identity.ID, identity.answer_id(root, "agent", "m%d@1", 1, "abc-77" * (row == 2))),
            *((identity.STATE, state) for state in states[at : at + 1]),
        ]
        wanted.append(header_block([(name, text.encode()) for name, text in pairs]))
    assert header_blocks("agent", chunk, answers) == wanted


@pytest.mark.parametrize(
    "offsets",
    [
        pytest.param([0, 1, 9, 10, 11, 99, 100, 998, 999, 1000, 1001], id="small"),
        pytest.param([*range(1_995, 2_005)], id="a thousand ends"),
        pytest.param([*range(9_998, 10_003)], id="a digit more"),
        pytest.param([12_000, 12_007, 12_999, 14_000, 1_000_000, 2**40], id="gaps"),
    ],
)
def test_headers_say_each_offset_whole(offsets: list[int]) -> None:
    count = len(offsets)
    empty: list[None] = [None] * count
    chunk = Chunk("in", 0, offsets, [0] * count, empty, empty, [()] * count)
    answers = Answers(0, "m@1", [*range(count)], [b""] * count, [])
    wanted = [
        header_block(
            [
                (identity.SOURCE, source.encode()),
                (identity.ROOT, source.encode()),
                (identity.MODEL, b"m@1"),
                (identity.ID, identity.answer_id(source, "agent", "m@1", 0).encode()),
            ]
        )
        for source in (f"in/0/{offset}" for offset in offsets)
    ]
    assert header_blocks("agent", chunk, answers) == wanted
