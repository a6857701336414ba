"""A Kafka that goes away, stands still, or is given more than it takes."""

from __future__ import annotations

import asyncio

from aimass_stream.kafka.topics import set_config
from aimass_stream.records import Example
from aimass_stream.verify.application import Need
from aimass_stream.verify.fault import Fault, Strike
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.roles import Role
from aimass_stream.verify.scene import Scene
from aimass_stream.verify.window import Window

DOWN_S = 5.0
LARGE_BYTES = 2_000_000
TAKEN_BYTES = 4_000_000


class KillBroker(Strike):
    """The broker is gone for some seconds; what it acknowledged it still has."""

    name = "kill -9 the broker, 5 s down"
    row = "4"
    promise = "workers live on and go on by themselves; nothing lost"
    quick = True
    recovers_within_s = 45.0
    repeats = True
    workers_live = True

    async def strike(self, scene: Scene, window: Window) -> None:
        """Kill it, wait, and start it again on its port."""
        del window
        await scene.broker.kill()
        try:
            await asyncio.sleep(DOWN_S)
        finally:
            await scene.broker.start()


class PauseBroker(Strike):
    """The broker stands still for longer than the group's session; connections stay open."""

    name = "SIGSTOP the broker for 20 s"
    row = "5"
    promise = "workers live on; 15 s after it goes on, so do they; nothing lost"
    recovers_within_s = 15.0
    repeats = True
    workers_live = True
    paused_s = 20.0

    async def strike(self, scene: Scene, window: Window) -> None:
        """Stop it, wait, and let it go on; nothing is sent meanwhile."""
        with window.held_load(), scene.broker.paused():
            await asyncio.sleep(self.paused_s)


class PauseBrokerLong(PauseBroker):
    """The same for a minute, which is as long as a producer waits."""

    name = "SIGSTOP the broker for 60 s"
    paused_s = 60.0


class Oversize(Fault):
    """Records of 2 MB, on topics that take them, where a message is usually 1 MB at the most."""

    name = "records of 2 MB"
    row = "20"
    promise = "no crash; each is dead-lettered or answered, the records beside it are answered"
    needs = frozenset({Need.CHECKED})

    async def run(self, scene: Scene) -> Finding:
        """Raise the topics' limit, send a large record to each among good ones, set it back."""
        topics = scene.app.checked_sources
        usual = {plan.name: plan.config for plan in scene.app.plans if plan.name in topics}
        larger = {
            name: {**config, "max.message.bytes": str(TAKEN_BYTES)}
            for name, config in usual.items()
        }
        await set_config(scene.broker.client, larger)
        workers = scene.workers.find(Role.WORKER)
        try:
            async with scene.window(max_bytes=TAKEN_BYTES) as window:
                await window.send_burst(scene.burst // 2)
                for topic in topics:
                    noise = scene.draw.randbytes(LARGE_BYTES)
                    await window.send(topic, Example(b"\xff" + noise, b"large"), bad=True)
                await window.send_burst(scene.burst // 2)
                await window.settle()
                if scene.workers.find(Role.WORKER) != workers:
                    window.problem("a worker died")
                return window.find()
        finally:
            await set_config(scene.broker.client, usual)
