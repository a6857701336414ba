"""Pieces of answers on their way to a side topic, while a model writes the answers.

They are no outcomes: nothing is committed for them, and a record whose model fails may have left
some. But an answer is handed to the agent only when its pieces are on the broker. What gathers
while the broker is busy goes out together. After a retry pieces are told again, under the same
ids.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import NamedTuple

import msgspec

from aimass_stream.kafka.answer_headers import header_blocks
from aimass_stream.kafka.delivery import Outlet
from aimass_stream.kafka.messages import Messages
from aimass_stream.records import Chunk, GeneratedPart, Topic
from aimass_stream.records.identity import part_author
from aimass_stream.runtime.batch import Hear
from aimass_stream.runtime.handover import Answers

_encode = msgspec.json.Encoder().encode


class _Told(NamedTuple):
    chunk: Chunk
    model: str
    row: int
    part: GeneratedPart


class Parts:
    """The pieces of one agent's answers to one partition.

    Args:
        agent: whose answers.
        topic: where to; keyed and spread over partitions as answers are.
        outlet: the worker's.
    """

    def __init__(self, agent: str, topic: Topic[GeneratedPart], outlet: Outlet) -> None:
        self._author = part_author(agent)
        self._topic = topic.name
        self._outlet = outlet
        self._told: list[_Told] = []
        self._arrived = asyncio.Event()
        self._delivered = asyncio.Event()
        self._delivered.set()

    def listen(self, chunk: Chunk, model: str) -> Hear:
        """What is to be told of the pieces that a model, `name@version`, writes for a chunk."""

        def hear(row: int, seq: int, text: str) -> None:
            self._told.append(_Told(chunk, model, row, GeneratedPart(seq, text)))
            self._delivered.clear()
            self._arrived.set()

        return hear

    @property
    def is_delivered(self) -> bool:
        """Whether everything that was told is on the broker."""
        return self._delivered.is_set()

    async def deliver_all(self) -> None:
        """Wait until everything that was told is on the broker."""
        await self._delivered.wait()

    async def run(self) -> None:
        """Deliver for as long as the task lives.

        Raises:
            LostOutcomeError: the broker refuses a message for good.
        """
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            told, self._told = self._told, []
            outgoing: defaultdict[tuple[str, int], Messages] = defaultdict(Messages)
            for one in told:
                self._file(one, outgoing)
            await self._outlet.deliverer.deliver(outgoing)
            if not self._told:
                self._delivered.set()

    def _file(self, one: _Told, outgoing: defaultdict[tuple[str, int], Messages]) -> None:
        chunk, row = one.chunk, one.row
        written = Answers(one.part.seq, one.model, [row], [_encode(one.part)], [])
        partition = self._outlet.place(self._topic, chunk.partition, chunk.keys[row])
        outgoing[self._topic, partition].extend(
            [chunk.timestamps_ms[row]],
            [chunk.keys[row]],
            written.values,
            header_blocks(self._author, chunk, written),
        )
