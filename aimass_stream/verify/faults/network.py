"""A network between the application and its Kafka that drops, delays, cuts and refuses."""

from __future__ import annotations

import asyncio
import time

from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.relay import CLEAR, Relay, Weather
from aimass_stream.verify.roles import Role
from aimass_stream.verify.scene import Scene

STORM_S = 30.0
RECOVERS_S = 30.0
LINES_A_SECOND = 2.0
"""More of these in the workers' log are a flood."""


class BadNetwork(Fault):
    """The application's way to Kafka is bad for a while; the oracle's is not."""

    name = "a bad network to the broker"
    row = "21"
    promise = "workers reconnect by themselves and do not flood the log; nothing lost"
    restarts = True

    async def run(self, scene: Scene) -> Finding:
        """Start the application behind a relay, and change the weather every few seconds."""
        relay = scene.broker.relay
        await scene.restart(env={"AIMASS_BROKER": relay.url})
        # It is started anew before the next fault, without the relay.
        scene.in_doubt = True
        await scene.rest()
        bound_s = scene.bound_s(RECOVERS_S)
        async with scene.window() as window:
            workers, said = scene.workers.find(Role.WORKER), scene.workers.log_lines()
            async with window.steady_load():
                await window.catch_in_hand()
                await window.note_strike(repeats=True)
                try:
                    await _weather(scene, relay)
                finally:
                    relay.weather = CLEAR
                window.note_over()
                lines_a_second = (scene.workers.log_lines() - said) / STORM_S
                await window.until_flowing(bound_s)
            await window.settle()
            window.measure("log_lines_a_second", lines_a_second)
            window.measure("connections_dropped", relay.dropped)
            if scene.workers.find(Role.WORKER) != workers:
                window.problem("a worker process died")
            if lines_a_second > LINES_A_SECOND:
                window.problem(f"the workers logged {lines_a_second:.1f} lines a second")
            return window.find(recovers_within_s=bound_s)


async def _weather(scene: Scene, relay: Relay) -> None:
    """Rain for half a minute, as the seed has it."""
    ends_at = time.monotonic() + STORM_S
    while time.monotonic() < ends_at:
        kind = scene.draw.choice(("drop", "cut", "delay", "throttle", "refuse"))
        relay.weather = {
            "delay": Weather(delay_ms=scene.draw.uniform(50, 500)),
            "throttle": Weather(bytes_per_s=scene.draw.uniform(5_000, 50_000)),
            "refuse": Weather(refuse=True),
        }.get(kind, CLEAR)
        if kind in {"drop", "refuse"}:
            relay.drop()
        if kind == "cut":
            relay.cut_after(scene.draw.randrange(2_000))
        await asyncio.sleep(scene.draw.uniform(1, 4))
