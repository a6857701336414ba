"""A captured range: the records of a topic between two offsets, read outside any group."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar

from aimass_stream.errors import BrokerError, ConfigError
from aimass_stream.kafka.reader import TopicReader
from aimass_stream.records import Chunk, Record

_NOTHING = (0, -1)

RecordT = TypeVar("RecordT", bound=Record)

TIMEOUT_S = 60.0
"""Seconds without a record after which a range counts as unreachable."""


async def read_range(
    url: str, topic: str, kind: type[RecordT], ranges: Mapping[int, tuple[int, int]]
) -> list[RecordT]:
    """The records between two offsets of each partition, both included, in their order.

    Offsets that compaction or transactions left empty are passed over.

    Args:
        url: the broker, as in `AIMASS_BROKER`.
        topic: where they lie.
        kind: their record type; they are not checked yet.
        ranges: first and last offset by partition.

    Raises:
        BrokerError: the broker cannot be reached, or gives nothing of what it has.
        ConfigError: a range ends behind what the topic holds, or was deleted in part.
    """
    found: list[RecordT] = []
    async with TopicReader(url, [topic]) as reader:
        starts, ends = await reader.start_offsets(), await reader.end_offsets()
        for partition, (first, last) in ranges.items():
            place = (topic, partition)
            if not starts.get(place, 0) <= first <= last < ends.get(place, 0):
                raise ConfigError(
                    f"{topic}/{partition} holds offsets {starts.get(place, 0)} to "
                    f"{ends.get(place, 0) - 1}, not {first} to {last}."
                )
        # What is not asked for is behind its end from the start.
        reader.seek({**ends, **{(topic, place): first for place, (first, _) in ranges.items()}})
        while await _is_behind(reader, topic, ranges):
            for chunk in await _poll(reader, topic):
                # Others stand at their ends, where records may arrive meanwhile.
                first, last = ranges.get(chunk.partition, _NOTHING)
                found += [one for one in chunk.records(kind) if first <= one.offset <= last]
    return sorted(found, key=lambda one: (one.partition, one.offset))


async def _poll(reader: TopicReader, topic: str) -> Sequence[Chunk]:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while not (chunks := await reader.poll()):
                pass
    except TimeoutError as error:
        raise BrokerError(
            f"Kafka gave no record of {topic} in {TIMEOUT_S:g} s, and has some. Try: aimass doctor"
        ) from error
    return chunks


async def _is_behind(
    reader: TopicReader, topic: str, ranges: Mapping[int, tuple[int, int]]
) -> bool:
    positions = [await reader.position(topic, place) <= last for place, (_, last) in ranges.items()]
    return any(positions)
