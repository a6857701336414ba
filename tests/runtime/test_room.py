"""Room: the bound holds, nobody overtakes, and who leaves takes nothing along."""

import asyncio

from aimass_stream.runtime.room import Room


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_weights_up_to_the_capacity_are_in_at_once() -> None:
    room = Room(10)
    assert room.try_take(4)
    assert room.try_take(6)
    assert not room.try_take(1)
    assert room.try_take(0)
    room.give(4)
    assert room.try_take(4)
    assert room.held == 10


async def test_what_is_heavier_than_the_room_is_let_in_alone() -> None:
    room = Room(10)
    await room.take(1)
    heavy = asyncio.create_task(room.take(100))
    await turn()
    assert not heavy.done()
    room.give(1)
    await heavy
    assert not room.try_take(1)
    room.give(100)
    assert room.held == 0


async def test_nobody_overtakes() -> None:
    room = Room(10)
    await room.take(6)
    heavy = asyncio.create_task(room.take(8))
    await turn()
    light = asyncio.create_task(room.take(1))
    await turn()
    assert not light.done()
    assert not room.try_take(1)
    room.give(6)
    await asyncio.gather(heavy, light)
    assert room.held == 9


async def test_who_is_cancelled_while_waiting_lets_others_in() -> None:
    room = Room(10)
    await room.take(6)
    heavy = asyncio.create_task(room.take(8))
    light = asyncio.create_task(room.take(4))
    await turn()
    heavy.cancel()
    await light
    assert room.held == 10


async def test_who_is_cancelled_when_let_in_gives_back() -> None:
    room = Room(10)
    await room.take(10)
    waiting = asyncio.create_task(room.take(5))
    await turn()
    room.give(10)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert room.held == 0
