"""More than the models can do: a backlog that grows, and memory that must not."""

from __future__ import annotations

import time
from collections.abc import Mapping

from aimass_stream.runtime.injection_plan import Injection
from aimass_stream.verify.application import Application, Need
from aimass_stream.verify.errors import VerifyError
from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.oracle import Account
from aimass_stream.verify.roles import Role
from aimass_stream.verify.scene import Scene
from aimass_stream.verify.targets import one_a_topic
from aimass_stream.verify.usage import measure
from aimass_stream.verify.window import Window

SLOW_MS = 500.0
SLOW_S = 30.0
GROWTH_BYTES = 64 * 2**20
LOOK_S = 1.0
LAG_SHARE = 0.05
"""How far what a worker says of its lag may be from the truth."""


class SlowModel(Fault):
    """A model becomes so slow that it cannot keep up, and a backlog grows."""

    name = "a model that cannot keep up"
    row = "13"
    promise = "the workers' memory stays flat, nobody leaves the group, the backlog is worked off"
    needs = frozenset({Need.STRIKABLE})

    async def run(self, scene: Scene) -> Finding:
        """Send more than it can do, look at memory, repair it, and see the rest answered."""
        targets = one_a_topic(scene.targets, learns=False)
        noted = len(scene.harm.calls())
        async with scene.window() as window:
            await window.send_burst(scene.burst)
            await window.settle()
            before = _worker_bytes(scene)
            scene.strike(*(Injection(kind="slow", model=t.model, slow_ms=SLOW_MS) for t in targets))
            try:
                grown = await self._overload(scene, window, before)
            finally:
                scene.repair()
            await window.settle()
            if not any(call.struck for call in scene.harm.calls()[noted:]):
                raise VerifyError("no call was slowed down")
            window.measure("worker_growth_mib", grown / 2**20)
            if grown > GROWTH_BYTES:
                window.problem(f"the workers grew by {grown / 2**20:.0f} MiB")
            return window.find()

    async def _overload(self, scene: Scene, window: Window, before: int) -> int:
        began, most, backlog = time.monotonic(), before, 0
        await window.note_strike(repeats=False)
        async with window.steady_load(4 * scene.rate):
            await window.send_burst(4 * scene.burst)
            while time.monotonic() - began < SLOW_S:
                await window.watch(LOOK_S)
                most = max(most, _worker_bytes(scene))
                backlog = max(backlog, behind(scene.app, window.accounts))
        window.measure("backlog_records", backlog)
        await self._compare_lag(scene, window)
        return most - before

    async def _compare_lag(self, scene: Scene, window: Window) -> None:
        """What the workers say of their lag is the truth, but for what was answered meanwhile."""
        most = behind(scene.app, window.accounts)
        await window.watch(LOOK_S)
        told = await scene.workers.lag()
        await window.watch(LOOK_S)
        least = behind(scene.app, window.accounts)
        if told is None:
            return
        window.measure("lag_told_records", told)
        if not (1 - LAG_SHARE) * least <= told <= (1 + LAG_SHARE) * most:
            window.problem(f"the workers' lag is {told}, and between {least} and {most} in truth")


def behind(app: Application, accounts: Mapping[str, Account]) -> int:
    """Records from the first without an outcome on, over all partitions that agents read."""
    firsts: dict[tuple[str, int], int] = {}
    ends: dict[tuple[str, int], int] = {}
    for agent in app.agents:
        account = accounts[agent.agent]
        for partition, offset in account.arrived_ms:
            place = (agent.topic, partition)
            ends[place] = max(ends.get(place, 0), offset + 1)
            if (partition, offset) not in account.fates:
                firsts[place] = min(firsts.get(place, offset), offset)
    return sum(ends[place] - first for place, first in firsts.items())


def _worker_bytes(scene: Scene) -> int:
    return sum(measure(pid).rss_bytes for pid in scene.workers.find(Role.WORKER))
