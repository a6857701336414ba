"""Workers that come and go all the time."""

from __future__ import annotations

import signal
import time

from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.roles import Role
from aimass_stream.verify.scene import Scene
from aimass_stream.verify.window import Window

STORM_S = 90.0
RECOVERS_S = 60.0


class Storm(Fault):
    """Three workers, one of which is killed or told to go every few seconds, under a backlog."""

    name = "a storm of SIGTERM and kill -9 on workers"
    row = "6"
    promise = "nothing lost; repeats only of what was not committed; no partition stays behind"
    workers = 3
    restarts = True

    async def run(self, scene: Scene) -> Finding:
        """Strike every 2 to 6 s, as the seed has it, and see all partitions recover."""
        bound_s = scene.bound_s(RECOVERS_S)
        async with scene.window() as window:
            ends_at = time.monotonic() + STORM_S
            async with window.steady_load():
                await window.catch_in_hand()
                while time.monotonic() < ends_at:
                    await self._strike(scene, window)
                    await window.watch(scene.draw.uniform(2, 6))
                window.note_over()
                scene.say("recovering")
                await window.until_flowing(bound_s)
            await window.settle()
            window.measure("strikes", len(window.strikes.struck_ms))
            return window.find(recovers_within_s=bound_s)

    async def _strike(self, scene: Scene, window: Window) -> None:
        """One of them goes; a backlog is made up for, so that all have something in hand."""
        if window.arrivals() - window.outcomes() < scene.burst:
            await window.send_burst(scene.burst)
        pids = scene.workers.find(Role.WORKER)
        number = scene.draw.choice((signal.SIGTERM, signal.SIGKILL))
        if pids:
            pid = scene.draw.choice(pids)
            await window.note_strike(repeats=True)
            scene.say(f"strike {len(window.strikes.struck_ms)}: {number.name} to worker {pid}")
            scene.workers.signal(pid, number)
