"""What lanes of one device share: who goes apart from all others, and when."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aimass_stream.runtime.shared_device import APART, BESIDE_OTHERS, SharedDevice
from aimass_stream.runtime.submission import Row
from aimass_stream.runtime.turns import Share
from tests.runtime.in_process_link import Clock, InProcessLink


@dataclass(eq=False)
class Idle:
    """One that shares the device and has nothing waiting."""

    share: Share = field(default_factory=Share)
    writes: bool = False
    next_row: Row | None = None


async def test_a_process_that_ends_while_the_gate_is_waited_for_is_loaded_first() -> None:
    clock = Clock()
    link = InProcessLink(clock)
    device = SharedDevice(link, 1 << 20, clock, stages=2)
    await device.gate.take(BESIDE_OTHERS)
    apart = asyncio.create_task(device.take_apart(Idle()))
    for _ in range(5):
        await asyncio.sleep(0)
    link.loaded.clear()
    device.gate.give(BESIDE_OTHERS)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not apart.done()
    assert device.gate.held == 0, "others are let in meanwhile"
    link.loaded.set()
    await apart
    assert device.gate.held == APART
