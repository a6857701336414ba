"""The learners of one worker: chunks of a log go to a learner process, answers come back.

What a learner process holds is lost when it dies, and when the partition moves. So a state is
opened before it is used: the process goes back to its newest snapshot at or before the first
record to answer, and the records between are read again and learnt, their answers dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from aimass_stream.config import Settings
from aimass_stream.errors import LostOutcomeError, LostStateError, RecordError
from aimass_stream.learner import Event, Learner
from aimass_stream.model import ModelSpec
from aimass_stream.records import Chunk, Record
from aimass_stream.records.identity import ID, ROOT, SOURCE
from aimass_stream.registry.folder import locate
from aimass_stream.runtime.answers import AnswerReader
from aimass_stream.runtime.batch import BatchFailed, Hear, Scored
from aimass_stream.runtime.learner_messages import (
    COMMAND,
    EVENT,
    HOST,
    Learn,
    Learnt,
    Open,
    Opened,
    encode,
)
from aimass_stream.runtime.memory_limit import memory_limit_bytes
from aimass_stream.runtime.messages import LEARNERS
from aimass_stream.runtime.process_link import LEARNER_OPTIONS, ProcessLink
from aimass_stream.runtime.quality_metrics import show_quality
from aimass_stream.runtime.scored import NOTHING_DUE, Outcomes
from aimass_stream.runtime.streams import Stream
from aimass_stream.runtime.supervisor import LEARNER_SOCKET

log = logging.getLogger("aimass.learners")

ATTEMPTS = 3
"""Deaths or failures of learning at one place in the log after which the worker ends."""

_decode_opened = msgspec.msgpack.Decoder(Opened).decode
_decode_learnt = msgspec.msgpack.Decoder(Learnt).decode


class Log(Protocol):
    """What a worker knows of the logs on the broker."""

    def replay(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Chunk]:
        """The records of a partition from `start` up to `end`, in order.

        Raises:
            LostStateError: the broker does not have them any more.
        """
        ...

    async def reach_of(self, state: str) -> tuple[int, int]:
        """Where a state's learner began its log and how far it had come; (-1, 0) if it is new."""
        ...

    async def note_reach(self, state: str, began: int, reached: int) -> None:
        """Note that, so that the state can be told from a new one for ever after."""
        ...

    async def end_of(self, topic: str, partition: int) -> int:
        """The offset after the last record of a partition."""
        ...

    def committed(self, topic: str, partition: int) -> int:
        """What the group has committed; 0 where that is not known."""
        ...


class Learning:
    """Loads learners, once each for the worker. Lives on one event loop.

    Args:
        settings: where snapshots and models lie.
        app_id: names the app's snapshots.
        logs: the broker's.
        on_error: told when a learner process of its own cannot be kept alive.

    Attributes:
        unsaved: why the last snapshot of a state could not be written, by state.
        answered_calls: how many calls were answered: a replay is progress too.
    """

    def __init__(
        self,
        settings: Settings,
        app_id: str,
        logs: Log,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._snapshots = f"{settings.snapshots_url}/{app_id}"
        self._models_folder = settings.models_folder
        options = replace(LEARNER_OPTIONS, rss_limit_bytes=memory_limit_bytes(settings))
        self._process = ProcessLink(LEARNER_SOCKET, LEARNERS, options, on_error)
        self.logs = logs
        self.answered_calls = 0
        self.unsaved: dict[str, str] = {}

    def note_unsaved(self, state: str, why: str) -> None:
        """A state's last snapshot could not be written; empty when it was."""
        if why:
            self.unsaved[state] = why
        else:
            self.unsaved.pop(state, None)

    def begin(self) -> None:
        """Have the learner process started, before there is anything to learn."""
        self._process.begin()

    def on(self, stream: Stream[Any]) -> StreamLearning:
        """Learning on the records of one stream."""
        return StreamLearning(self, stream)

    async def prepare(self, learner: Learner[Any]) -> ModelSpec:
        """Have a learner loaded.

        Raises:
            ConfigError: the weights that it needs are not there.
            SetupError: it cannot be loaded.
        """
        made_with = dict(learner.settings)
        if learner.location:
            found = await asyncio.to_thread(locate, learner.location, self._models_folder)
            made_with |= {"folder": found.folder, "digest": found.digest}
        spec = ModelSpec(
            name=learner.name,
            version=learner.version,
            adapter=HOST,
            folder="",
            options={
                "adapter": learner.adapter,
                "settings": made_with,
                "block_rows": learner.block_rows,
                "snapshot_rows": learner.snapshot_rows,
                "snapshots": self._snapshots,
            },
            timeout_s=learner.timeout_s,
        )
        link = await self._process.get()
        await link.load(spec)
        return spec

    async def call(self, spec: ModelSpec, payloads: Sequence[bytes]) -> Scored:
        """Send a command with its events.

        Raises:
            BatchFailed: the process died, hung, or refuses.
        """
        link = await self._process.get()
        scored = await link.predict(spec.id, payloads)
        self.answered_calls += 1
        return scored

    @property
    def troubles(self) -> list[str]:
        """Why records of learners wait, in sentences; empty while nothing is wrong."""
        return ["the learner process is being started"] if self._process.is_away else []

    async def close(self) -> None:
        """Hang up."""
        await self._process.close()


class LearntOutcomes:
    """Outcomes of a chunk that was learnt.

    Attributes:
        outcomes: for each row its answer, why it has none, or `NOTHING_DUE`.
        states: for each row the offset up to which the state that scored it had learnt.
    """

    def __init__(self, outcomes: Sequence[Any], states: Sequence[int]) -> None:
        self.outcomes = outcomes
        self.states = states

    async def wait(self, row: int) -> int:
        """Every row is known."""
        del row
        return len(self.outcomes)

    def cancel(self) -> None:
        """Nothing is under way."""


@dataclass(slots=True, eq=False)
class _Place:
    """A learner's state as this stream knows it.

    Attributes:
        name: agent, topic and partition.
        epoch: what the process called this opening; 0 while it is not open.
        offset: of the next event to send.
    """

    learner: Learner[Any]
    spec: ModelSpec
    name: str
    reader: AnswerReader[Any]
    epoch: int = 0
    offset: int = 0


class StreamLearning:
    """Learners on one stream, which is one agent's view of one partition: `Scoring` for it."""

    def __init__(self, learning: Learning, stream: Stream[Any]) -> None:
        self._learning = learning
        self._agent = stream.agent
        self._places: dict[int, _Place] = {}
        self._under_way: dict[int, tuple[int, asyncio.Task[LearntOutcomes]]] = {}

    async def prepare(self, learner: Learner[Any]) -> ModelSpec:
        """Have the learner loaded."""
        spec = await self._learning.prepare(learner)
        if id(learner) not in self._places:
            reader: AnswerReader[Any] = AnswerReader(learner.answer_type | None)  # type: ignore[arg-type]  # a union is no type to mypy
            self._places[id(learner)] = _Place(learner, spec, "", reader)
        return spec

    async def submit(
        self,
        learner: Learner[Any],
        chunk: Chunk,
        kind: type[Record],
        lag: int,
        hear: Hear | None = None,
    ) -> Outcomes:
        """Have a chunk scored and learnt; chunks come in the order of the log.

        A chunk that is submitted again, because whoever waited was cancelled, is not learnt
        again.

        Raises:
            LostStateError: the state cannot be opened.
            LostOutcomeError: learning fails however often it is tried.
        """
        del kind, lag, hear
        first = chunk.offsets[0]
        known = self._under_way.get(id(learner))
        if known is None or known[0] != first:
            task = asyncio.create_task(self._learn(self._places[id(learner)], chunk))
            known = self._under_way[id(learner)] = (first, task)
        return await asyncio.shield(known[1])

    async def _learn(self, place: _Place, chunk: Chunk) -> LearntOutcomes:
        place.name = place.name or f"{self._agent}/{chunk.topic}/{chunk.partition}"
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if not place.epoch:
                    await self._open(place, chunk)
                return await self._send(place, chunk)
            except BatchFailed as failure:
                place.epoch = 0
                log.warning(
                    "%s on %s at offset %d failed (attempt %d): %s",
                    place.spec.id,
                    place.name,
                    chunk.offsets[0],
                    attempt,
                    failure.detail,
                )
                last = failure
        raise LostOutcomeError(
            f"learner {place.spec.id} cannot learn {place.name} from offset {chunk.offsets[0]}: "
            f"{last.reason}, {last.detail}\n{last.trace}".rstrip()
        )

    async def _open(self, place: _Place, chunk: Chunk) -> None:
        """Bring the state to where the chunk begins."""
        logs, first = self._learning.logs, chunk.offsets[0]
        state = f"{place.spec.id}/{place.name}"
        began, reached = await logs.reach_of(state)
        command = Open(place.name, first, began)
        opened = _decode_opened((await self._call(place, command, []))[0])
        if opened.problem:
            raise LostStateError(f"Learner {place.spec.id}: {opened.problem}")
        end, reached = await logs.end_of(chunk.topic, chunk.partition), max(reached, opened.newest)
        if reached > end:
            raise LostStateError(
                f"Learner {place.spec.id} has learnt {chunk.topic}/{chunk.partition} up to offset "
                f"{reached}, and the topic now ends at {end}: it was truncated, or deleted "
                "and created anew. Bring the topic back; or give the learner a new version to "
                "begin anew."
            )
        await logs.note_reach(state, opened.began, max(reached, first))
        place.epoch, place.offset = opened.epoch, opened.offset
        if opened.offset < first:
            log.info("%s on %s replays %d..%d", place.spec.id, place.name, opened.offset, first)
        async for part in logs.replay(chunk.topic, chunk.partition, opened.offset, first):
            await self._send(place, part)

    async def _send(self, place: _Place, chunk: Chunk) -> LearntOutcomes:
        rows = [row for row, value in enumerate(chunk.values) if value is not None]
        next_offset = chunk.offsets[-1] + 1
        committed = self._learning.logs.committed(chunk.topic, chunk.partition)
        command = Learn(place.name, place.epoch, place.offset, next_offset, committed)
        head, *answers = await self._call(place, command, [event_of(chunk, row) for row in rows])
        place.offset = next_offset
        outcomes = [
            NOTHING_DUE if outcome is None else outcome for outcome in place.reader.read(answers)
        ]
        show_quality(outcomes)
        learnt = _decode_learnt(head)
        self._learning.note_unsaved(f"{place.spec.id}/{place.name}", learnt.unsaved)
        found = iter(learnt.states)
        states = [0 if isinstance(answer, RecordError) else next(found, 0) for answer in answers]
        return LearntOutcomes(outcomes, states)

    async def _call(
        self, place: _Place, command: Open | Learn, events: Sequence[Event]
    ) -> list[Any]:
        payloads = [COMMAND + encode(command), *(EVENT + encode(event) for event in events)]
        scored = await self._learning.call(place.spec, payloads)
        head = scored.answers[0]
        if isinstance(head, RecordError):
            raise BatchFailed(head.reason, head.detail, head.trace)
        return list(scored.answers)


def event_of(chunk: Chunk, row: int) -> Event:
    """A row of a chunk as an event of its log."""
    topic, root, answer_id = chunk.topic, "", ""
    for name, value in chunk.headers[row]:
        if name == ROOT:
            root = value.decode(errors="replace")
        elif name == ID:
            answer_id = value.decode(errors="replace")
        elif name == SOURCE:
            topic = value.decode(errors="replace").rsplit("/", 2)[0]
    offset = chunk.offsets[row]
    return Event(
        offset=offset,
        topic=topic,
        timestamp_ms=chunk.timestamps_ms[row],
        root=root or f"{chunk.topic}/{chunk.partition}/{offset}",
        key=chunk.keys[row],
        value=chunk.values[row] or b"",
        id=answer_id,
    )
