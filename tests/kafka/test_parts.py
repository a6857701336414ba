"""Pieces of answers: where they go, what they bear, and when they are known to be there."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from aimass_stream.kafka.delivery import Outlet
from aimass_stream.kafka.messages import Messages
from aimass_stream.kafka.outgoing import Outgoing
from aimass_stream.kafka.parts import Parts
from aimass_stream.kafka.wire import header_block
from aimass_stream.records import Chunk, GeneratedPart, Topic, identity

CHUNK = Chunk(
    topic="prompts",
    partition=1,
    offsets=[7, 8],
    timestamps_ms=[100, 200],
    keys=[b"anna", b"ben"],
    values=[b"a", b"b"],
    headers=[(), ((identity.ROOT, b"messages/0/3"),)],
)


class Broker:
    """Keeps what is delivered; holds it up while told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[tuple[str, int], Messages | list[Any]]] = []
        self.is_up = asyncio.Event()
        self.is_up.set()

    async def deliver(self, outgoing: Outgoing, before: asyncio.Future[None] | None = None) -> None:
        del before
        await self.is_up.wait()
        self.sent += outgoing.items()


async def test_parts_bear_ids_of_their_own_and_are_there_when_it_says_so() -> None:
    broker = Broker()
    outlet = Outlet("app", broker, lambda *_: None, ("parts",), lambda *_: 0, 1)  # type: ignore[arg-type]  # nothing is stored
    parts = Parts("write", Topic("parts", GeneratedPart), outlet)
    running = asyncio.create_task(parts.run())
    assert parts.is_delivered
    broker.is_up.clear()
    hear = parts.listen(CHUNK, "gpt@1")
    hear(0, 0, "Hello")
    hear(1, 0, "Hi")
    hear(0, 1, " you")
    assert not parts.is_delivered
    delivered = asyncio.create_task(parts.deliver_all())
    for _ in range(5):
        # Whatever is ready to run does.
        await asyncio.sleep(0)
    assert not delivered.done()
    broker.is_up.set()
    await delivered
    ((place, messages),) = broker.sent
    assert place == ("parts", 1)
    assert isinstance(messages, Messages)
    assert messages._keys == [b"anna", b"ben", b"anna"]
    assert messages._timestamps_ms == [100, 200, 100]
    told = [msgspec.json.decode(value, type=GeneratedPart) for value in messages._values]
    assert told == [GeneratedPart(0, "Hello"), GeneratedPart(0, "Hi"), GeneratedPart(1, " you")]
    author = identity.part_author("write")
    due = [
        ("prompts/1/7", "prompts/1/7", 0),
        ("prompts/1/8", "messages/0/3", 0),
        ("prompts/1/7", "prompts/1/7", 1),
    ]
    assert messages._header_blocks == [
        header_block(
            [
                (identity.SOURCE, source.encode()),
                (identity.ROOT, root.encode()),
                (identity.MODEL, b"gpt@1"),
                (identity.ID, identity.answer_id(root, author, "gpt@1", seq).encode()),
            ]
        )
        for source, root, seq in due
    ]
    running.cancel()
