"""Why no record comes to a device, as far as a worker's feeds can tell."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from faust.types.tuples import TP

from aimass_stream.kafka.delivery import BACKLOG_ROWS, Outlet
from aimass_stream.kafka.intake import Feed, Intake
from aimass_stream.kafka.ledger import Standing
from aimass_stream.kafka.outgoing import Outgoing
from aimass_stream.records import Chunk, Limits, Record, Topic
from aimass_stream.runtime.body import Agent
from aimass_stream.runtime.failure_limit import FailureLimit
from aimass_stream.runtime.usage import Want

ROWS = 256


class Away:
    """A broker that takes nothing."""

    async def deliver(self, outgoing: Outgoing, before: Any = None) -> None:
        del outgoing, before
        await asyncio.Event().wait()


def refuse_to_store(*_: object) -> Any:
    raise AssertionError("nothing here is large")


class Scene:
    """An intake with one agent, which reads ahead, on one partition."""

    def __init__(self, body: Any) -> None:
        def give_up(error: BaseException) -> None:
            raise error

        limit = partial(FailureLimit, share=0.5, window=1_000)
        self.intake = Intake(Limits(), limit, 1 << 30, give_up)
        outlet = Outlet("app", Away(), refuse_to_store, {"out"}, lambda *_: 0, 1)
        agent = Agent("copy", Topic("in", Record), Topic("out", bytes), body)
        self.intake.serve([agent], outlet)
        self.intake.thaw()
        self.intake.open(TP("in", 0), Standing(0), 1)

    @property
    def feed(self) -> Feed:
        (feed,) = self.intake.feeds.values()
        return feed

    def take(self, rows: int) -> None:
        first = self.feed.ledger.position
        held: list[bytes] = [b"x"] * rows
        offsets = range(first, first + rows)
        self.feed.highwater = max(self.feed.highwater, first + rows)
        self.feed.take(Chunk("in", 0, offsets, [0] * rows, held, held, [()] * rows))

    async def until(self, want: Want) -> None:
        for _ in range(1_000):
            if self.intake.why_idle() is want:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{self.intake.why_idle()} after many turns of the loop")


@pytest.fixture
async def slow() -> AsyncIterator[Scene]:
    """The agent's body never comes back from its first record."""

    async def body(stream: Any) -> None:
        stream.start_pump(asyncio.Event().wait())
        async for _ in stream:
            await asyncio.Event().wait()

    scene = Scene(body)
    await asyncio.sleep(0)
    yield scene
    await scene.intake.close()


async def test_no_record_anywhere_is_nothing_to_do(slow: Scene) -> None:
    await slow.until(Want.NOTHING_TO_DO)


async def test_records_that_lie_on_the_broker_are_to_be_fetched(slow: Scene) -> None:
    slow.feed.highwater = 5
    await slow.until(Want.FETCH)


async def test_records_behind_one_that_an_agent_works_on_wait_for_it(slow: Scene) -> None:
    slow.take(ROWS)
    await slow.until(Want.NOTHING_TO_DO)
    slow.take(ROWS)
    await slow.until(Want.AGENT)


async def test_answers_that_the_broker_does_not_take_hold_records_back() -> None:
    async def body(stream: Any) -> AsyncIterator[list[bytes]]:
        stream.start_pump(asyncio.Event().wait())
        async for batch in stream.batches():
            yield [b"y"] * len(batch)

    scene = Scene(body)
    for _ in range(2 * BACKLOG_ROWS // ROWS):
        scene.take(ROWS)
    await scene.until(Want.BROKER)
    await scene.intake.close()


async def test_an_agent_that_asks_no_device_says_nothing_of_one() -> None:
    async def body(stream: Any) -> None:
        async for _ in stream:
            await asyncio.Event().wait()

    scene = Scene(body)
    await asyncio.sleep(0)
    scene.take(ROWS)
    scene.take(ROWS)
    scene.feed.highwater += 1
    assert scene.intake.why_idle() is Want.NOTHING_TO_DO
    await scene.intake.close()
