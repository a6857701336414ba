"""Reading dead letters: what each says, which were replayed, and those that were picked, whole.

A dead letter's headers are small and its value may be large, so they are read twice: once for
what they say, and once more for those that somebody wants.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from aimass_stream.kafka.dead_letters import dead_letters_topic, take_back
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.replays import Replay, replay_of, replays_topic
from aimass_stream.kafka.survey import NeverRanError, survey
from aimass_stream.records import Record, identity

Place = tuple[int, int]
"""Partition and offset of a dead letter."""

_SUFFIX = dead_letters_topic("")
_OFFSET_DIGITS = 19
"""Kafka counts with 64 bits."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a dead letter says, without what it carries.

    Attributes:
        place: where it lies on the dead letter topic.
        topic: the source topic of the record; `partition` and `offset` likewise.
        root: the first source of the record's chain.
        model: `name@version`; several are joined by `+`, `-` stands for none.
        id: the same for every repeat of this failure.
        record_id: the same for every dead letter of this record, of whatever agent, repeats after
            a crash and failures after a replay among them.
        timestamp_ms: event time of the record.
        written_ms: when it was dead-lettered; its event time where the letter does not say.
        size_bytes: of the letter's value.
    """

    place: Place
    topic: str
    partition: int
    offset: int
    root: str
    agent: str
    model: str
    reason: str
    error: str
    id: str
    record_id: str
    timestamp_ms: int
    written_ms: int
    size_bytes: int

    @property
    def source(self) -> str:
        """`topic/partition/offset` of the record."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def models(self) -> list[str]:
        """The `name@version` of each model involved."""
        return [] if self.model == identity.NO_MODEL else self.model.split("+")


@dataclass(frozen=True, slots=True)
class Letters:
    """The dead letters of an app, as their topic held them at one moment.

    Attributes:
        topic: the dead letter topic.
        letters: in no order but that of each partition.
        replays: of each letter's place, oldest first.
        foreign: records on the topic that are no dead letters.
    """

    topic: str
    letters: list[Letter]
    replays: Mapping[Place, list[Replay]]
    foreign: int

    def repeats(self, letter: Letter) -> list[Letter]:
        """The other letters of the same record and agent."""
        return [
            other
            for other in self.letters
            if (other.record_id, other.agent) == (letter.record_id, letter.agent)
            and other is not letter
        ]


def letter_of(record: Record) -> Letter | None:
    """What a record of a dead letter topic says; None where it is no dead letter."""
    told = {name: held.decode(errors="replace") for name, held in record.headers}
    topic, partition, offset = parse_place(told.get(identity.SOURCE, ""))
    if not topic or identity.REASON not in told or identity.AGENT not in told:
        return None
    source, agent = told[identity.SOURCE], told[identity.AGENT]
    own_id = told.get(identity.INPUT_PREFIX + "id")
    written = told.get(identity.TIME_MS, "")
    return Letter(
        place=(record.partition, record.offset),
        topic=sys.intern(topic),
        partition=partition,
        offset=offset,
        root=told.get(identity.ROOT, source),
        agent=sys.intern(agent),
        model=sys.intern(told.get(identity.MODEL, identity.NO_MODEL)),
        reason=sys.intern(told[identity.REASON]),
        error=told.get(identity.ERROR, ""),
        id=told.get(identity.ID, ""),
        record_id=own_id or identity.input_id(source),
        timestamp_ms=record.timestamp_ms,
        written_ms=int(written) if written.isdecimal() else record.timestamp_ms,
        size_bytes=len(record.value or b""),
    )


def headers_again(letter: Record) -> list[tuple[str, bytes]]:
    """The headers of a dead letter's record when it is written again to its topic.

    As they were, with the root its answers' ids are made of, and an id by which a learner knows
    a repeat.
    """
    headers = take_back(letter.headers)
    names = {name for name, _ in headers}
    source = letter.header(identity.SOURCE) or ""
    if identity.ROOT not in names:
        headers.append((identity.ROOT, (letter.header(identity.ROOT) or source).encode()))
    if identity.ID not in names:
        headers.append((identity.ID, identity.input_id(source).encode()))
    return headers


async def read_letters(url: str, app_id: str) -> Letters:
    """Read what all dead letters of an app say, up to where their topic ends now.

    Raises:
        NeverRanError: there is no such topic.
        BrokerError: the broker cannot be reached, or refuses.
    """
    topic = dead_letters_topic(app_id)
    # A client that asks for a topic by name may create it, so the list is asked for.
    topics = (await survey(bootstrap_servers(url))).topics
    if topic not in topics:
        known = sorted(name.removesuffix(_SUFFIX) for name in topics if name.endswith(_SUFFIX))
        raise NeverRanError(app_id, topic, url, known)
    letters: list[Letter] = []
    foreign = 0
    async for record in _records(url, topic):
        letter = letter_of(record)
        if letter is None:
            foreign += 1
        else:
            letters.append(letter)
    replays = await _read_replays(url, app_id) if replays_topic(app_id) in topics else {}
    return Letters(topic, letters, replays, foreign)


async def fetch_letters(
    url: str, topic: str, picked: Collection[Letter]
) -> AsyncGenerator[tuple[Letter, Record], None]:
    """The records of dead letters, in the order of each partition.

    One that retention has removed meanwhile is left out.
    """
    wanted = {letter.place: letter for letter in picked}
    starts: dict[int, int] = {}
    for partition, offset in wanted:
        starts[partition] = min(offset, starts.get(partition, offset))
    last = dict(sorted(wanted))
    async with aclosing(_records(url, topic, starts, last)) as records:
        async for record in records:
            letter = wanted.get((record.partition, record.offset))
            if letter is not None:
                yield letter, record


async def read_replays(url: str, app_id: str) -> list[Replay]:
    """The replays of an app, oldest first; its topic of replays exists.

    Raises:
        BrokerError: the broker cannot be reached.
    """
    records = _records(url, replays_topic(app_id))
    return [replay async for record in records if (replay := replay_of(record))]


async def _read_replays(url: str, app_id: str) -> dict[Place, list[Replay]]:
    found: dict[Place, list[Replay]] = {}
    for replay in await read_replays(url, app_id):
        for place in replay.letters:
            _, partition, offset = parse_place(place)
            found.setdefault((partition, offset), []).append(replay)
    return found


async def _records(
    url: str,
    topic: str,
    starts: Mapping[int, int] | None = None,
    last: Mapping[int, int] | None = None,
) -> AsyncGenerator[Record, None]:
    """The records of a topic up to where it ends now.

    Args:
        url: the broker.
        topic: it exists.
        starts: where to begin in each partition; others are left out. None for all of it.
        last: the last offset wanted of each partition.
    """
    async with TopicReader(url, [topic]) as reader:
        ends = await reader.end_offsets()
        if starts is not None:
            reader.seek({place: starts.get(place[1], end) for place, end in ends.items()})
        for place in ends:
            if last is not None:
                ends[place] = min(ends[place], last.get(place[1], -1) + 1)
        while await reader.remains(ends):
            for chunk in await reader.poll():
                for record in chunk.records(Record):
                    if record.offset < ends[record.topic, record.partition]:
                        yield record


def parse_place(text: str) -> tuple[str, int, int]:
    """Topic, partition and offset of `topic/partition/offset`; no topic where it is no place."""
    topic, _, rest = text.rpartition("/")
    topic, _, partition = topic.rpartition("/")
    if not (topic and _is_count(partition) and _is_count(rest)):
        return "", -1, -1
    return topic, int(partition), int(rest)


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= _OFFSET_DIGITS
