"""What a learner that nobody interrupts makes of a log: its answers, and its states between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import msgspec

from aimass_stream.errors import RecordError
from aimass_stream.kafka.reader import TopicReader
from aimass_stream.learner import Event, Learner
from aimass_stream.model import import_adapter
from aimass_stream.records import Chunk, identity
from aimass_stream.runtime.blocks import BlockLearner, LaidDown
from aimass_stream.runtime.learning import event_of

Answers = dict[str, set[bytes]]
"""What is said of each source; one value if every repeat agrees."""


class Uninterrupted(NamedTuple):
    """What became of one partition.

    Attributes:
        answers: by the place of the record.
        states: by offset, where they were asked for.
        counts: what the state counts, where it does.
    """

    answers: Answers
    states: dict[int, LaidDown]
    counts: dict[str, int]


async def read_all(url: str, topic: str) -> dict[int, list[Chunk]]:
    """Every chunk of a topic, by partition, in order."""
    chunks: dict[int, list[Chunk]] = defaultdict(list)
    async with TopicReader(url, [topic]) as reader:
        for (_, partition), end in (await reader.end_offsets()).items():
            while await reader.position(topic, partition) < end:
                for chunk in await reader.poll():
                    chunks[chunk.partition].append(chunk)
    return chunks


async def answers_on(url: str, topic: str) -> Answers:
    """What the topic says of each source."""
    found: Answers = defaultdict(set)
    for chunks in (await read_all(url, topic)).values():
        for chunk in chunks:
            for headers, value in zip(chunk.headers, chunk.values, strict=True):
                found[dict(headers)[identity.SOURCE].decode()].add(value or b"")
    return found


def learn_all(
    learner: Learner[Any], place: str, chunks: list[Chunk], wanted: Collection[int] = ()
) -> Uninterrupted:
    """Take a log record by record.

    Args:
        learner: the declaration.
        place: `topic/partition` of the log.
        chunks: its records, in order.
        wanted: offsets at which the state is to be laid down.
    """
    state = import_adapter(learner.adapter)(learner.settings)
    block: BlockLearner[Any] = BlockLearner(state, learner.block_rows, 0)
    answers: Answers = {}
    states = {0: block.lay_down()}
    for event in _events(chunks):
        try:
            row = (event, state.read(event))
        except RecordError:
            continue
        (answer,) = block.take([row])[0]
        if answer is not None and not isinstance(answer, RecordError):
            answers[f"{place}/{event.offset}"] = {msgspec.json.encode(answer)}
        if block.learnt_to in wanted and block.learnt_to not in states:
            states[block.learnt_to] = block.lay_down()
    return Uninterrupted(answers, states, dict(getattr(state, "counts", {})))


def _events(chunks: list[Chunk]) -> Iterator[Event]:
    for chunk in chunks:
        for row in range(len(chunk)):
            yield event_of(chunk, row)
