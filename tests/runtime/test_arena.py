from __future__ import annotations

import asyncio
import os
import random
import socket
import sys

import psutil
import pytest

from aimass_stream.runtime.arena import Arena, receive_arena, send_arena
from aimass_stream.runtime.frames import FrameError, Payload
from aimass_stream.runtime.messages import Slot


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    return ours, theirs


async def test_the_peer_sees_what_was_placed_and_cannot_write() -> None:
    arena = Arena.create(1 << 20)
    ours, theirs = pair()
    with ours, theirs:
        send_arena(ours, arena)
        view = await receive_arena(theirs)
        payloads: list[Payload] = [b"", b"a", os.urandom(5000), b"", memoryview(b"end")]
        slot = arena.place(payloads)
        assert slot is not None
        seen = view.views(slot)
        assert [bytes(part) for part in seen] == [bytes(part) for part in payloads]
        assert all(part.readonly for part in seen)
        arena.close()
        assert bytes(seen[2]) == payloads[2]


def test_a_full_arena_says_so_and_is_whole_again_when_freed() -> None:
    arena = Arena.create(1 << 16)
    slots = [arena.place([bytes(1 << 14)]) for _ in range(4)]
    assert arena.place([b"x"]) is None
    assert arena.free_bytes == 0
    for index in (2, 0, 3, 1):
        slot = slots[index]
        assert slot is not None
        arena.free(slot)
    assert arena.free_bytes == 1 << 16
    assert arena.place([bytes(1 << 16)]) == Slot(0, [1 << 16])
    arena.close()
    arena.close()


def test_slots_never_overlap_and_nothing_is_lost() -> None:
    rng = random.Random(7)
    arena = Arena.create(1 << 18)
    held: dict[int, tuple[Slot, bytes]] = {}
    for step in range(3000):
        if held and (rng.random() < 0.5):
            slot, payload = held.pop(rng.choice(list(held)))
            view = arena._view[slot.offset : slot.offset + len(payload)]
            assert bytes(view) == payload
            view.release()
            arena.free(slot)
        else:
            payload = rng.randbytes(rng.randrange(1, 20_000))
            placed = arena.place([payload])
            if placed is not None:
                held[step] = placed, payload
    for slot, _ in held.values():
        arena.free(slot)
    assert arena._free == [(0, 1 << 18)]
    arena.close()


@pytest.mark.parametrize(
    "slot",
    [
        pytest.param(Slot(0, [4097]), id="beyond the end"),
        pytest.param(Slot(4000, [50, 50]), id="across the end"),
        pytest.param(Slot(-1, [1]), id="before the start"),
        pytest.param(Slot(100, [200, -150]), id="negative size"),
        pytest.param(Slot(2**62, [2**62]), id="far away"),
    ],
)
async def test_a_slot_outside_the_arena_is_a_broken_protocol(slot: Slot) -> None:
    arena = Arena.create(4096)
    ours, theirs = pair()
    with ours, theirs:
        send_arena(ours, arena)
        view = await receive_arena(theirs)
        with pytest.raises(FrameError, match="a slot up to byte"):
            view.views(slot)
    arena.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only a memfd can be sealed")
async def test_the_memory_cannot_shrink_under_the_reader() -> None:
    arena = Arena.create(1 << 16)
    with pytest.raises(PermissionError):
        os.ftruncate(arena.fd, 0)
    arena.close()


async def test_a_preamble_without_an_arena_is_refused() -> None:
    ours, theirs = pair()
    with ours, theirs:
        ours.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(FrameError, match="did not begin with an arena"):
            await receive_arena(theirs)


async def test_an_arena_shorter_than_announced_is_refused() -> None:
    arena = Arena.create(4096)
    arena.size_bytes = 8192
    ours, theirs = pair()
    with ours, theirs:
        send_arena(ours, arena)
        with pytest.raises(FrameError, match="shorter than announced"):
            await receive_arena(theirs)
    arena.close()


async def test_a_peer_that_leaves_before_its_arena_is_refused() -> None:
    ours, theirs = pair()
    with theirs:
        ours.close()
        async with asyncio.timeout(2):
            with pytest.raises(FrameError):
                await receive_arena(theirs)


def test_nothing_is_left_open() -> None:
    before = psutil.Process().num_fds()
    for _ in range(3):
        Arena.create(1 << 20).close()
    assert psutil.Process().num_fds() == before
