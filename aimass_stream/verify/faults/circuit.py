"""A model that fails on everything it is given, until it is repaired."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil

from aimass_stream.runtime.injection_plan import Injection
from aimass_stream.verify.application import Need
from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.roles import Role
from aimass_stream.verify.scene import Scene
from aimass_stream.verify.targets import Target, one_a_topic
from aimass_stream.verify.window import Window

BURST = 150
"""Records of the model's topic that come at once; more than it takes to open a circuit."""
OPENS_S = 10.0
CLOSES_S = 30.0
QUIET_S = 5.0
CPU_SHARE = 0.2


class FailingModel(Fault):
    """A model raises on every call, as after a bad deploy."""

    name = "a model fails on everything"
    row = "9"
    promise = "its records are held, not dead-lettered; /readyz says why; it goes on when repaired"
    needs = frozenset({Need.STRIKABLE})

    async def run(self, scene: Scene) -> Finding:
        """Fail until the circuit is open, look at the silence, and repair."""
        target = scene.draw.choice(one_a_topic(scene.targets, learns=False))
        async with scene.window() as window:
            window.failing = frozenset({target.model})
            async with window.steady_load():
                await window.until(window.outcomes, "the first outcome")
                scene.strike(Injection(kind="raise", model=target.model))
                try:
                    await self._fail(scene, window, target)
                finally:
                    scene.repair()
                window.note_over()
                await self._wait_ready(scene, window)
                await window.until_flowing(CLOSES_S)
            await window.settle()
            return window.find(recovers_within_s=CLOSES_S)

    async def _fail(self, scene: Scene, window: Window, target: Target) -> None:
        inputs = scene.app.inputs[target.topic]
        for number in range(BURST):
            await window.send(target.topic, inputs[number % len(inputs)])
        await window.note_strike(repeats=False)
        began, reasons = time.monotonic(), list[str]()
        while not reasons and time.monotonic() - began < 3 * OPENS_S:
            await window.follow()
            reasons = await scene.workers.unready()
        opened_s = time.monotonic() - began
        window.measure("opened_after_s", opened_s)
        if not reasons:
            window.problem("/readyz is 200 while a model fails on everything")
        elif target.model not in " ".join(reasons):
            window.problem(f"/readyz does not name {target.model}: {reasons}")
        if opened_s > OPENS_S:
            window.problem(f"the circuit opened after {opened_s:.1f} s")
        with window.held_load():
            await self._look_at_silence(scene, window)

    async def _look_at_silence(self, scene: Scene, window: Window) -> None:
        """Nobody else is dead-lettered, and nobody is busy with failing."""
        # What failed before it opened may still be on its way.
        await window.watch(QUIET_S)
        dead, spent_s = _dead(window), _worker_cpu_s(scene)
        await window.watch(QUIET_S)
        share = (_worker_cpu_s(scene) - spent_s) / QUIET_S
        window.measure("dead_lettered_until_open", dead)
        window.measure("worker_cpu_share_while_open", share)
        if _dead(window) > dead:
            window.problem(f"{_dead(window) - dead} records were dead-lettered by an open circuit")
        if share > CPU_SHARE:
            window.problem(f"the workers took {share:.0%} of a core while a model was given up")

    async def _wait_ready(self, scene: Scene, window: Window) -> None:
        began = time.monotonic()
        while time.monotonic() - began < CLOSES_S and await scene.workers.unready():
            await window.follow()
        closed_s = time.monotonic() - began
        window.measure("closed_after_s", closed_s)
        if closed_s >= CLOSES_S:
            window.problem(f"/readyz is not 200 again {CLOSES_S:.0f} s after the repair")


def _dead(window: Window) -> int:
    return sum(len(account.dead) for account in window.accounts.values())


def _worker_cpu_s(scene: Scene) -> float:
    spent_s = 0.0
    for pid in scene.workers.find(Role.WORKER):
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            spent_s += times.user + times.system
    return spent_s
