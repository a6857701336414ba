"""Processes that die: workers, devices, learners, and the whole application by signal."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import ClassVar

from aimass_stream.verify.application import Need
from aimass_stream.verify.errors import VerifyError
from aimass_stream.verify.fault import Strike
from aimass_stream.verify.roles import Role
from aimass_stream.verify.scene import START_S, Scene
from aimass_stream.verify.window import Window

SESSION_S = 10.0
"""How long the group waits for a member that says nothing."""
DRAIN_S = 15.0
FORCED_S = 2.0
GAP_S = 0.3
"""Two signals of a kind become one where the first was not taken yet."""
FORCED_CODES = (130, 143)


class Kill(Strike):
    """A process of one role is gone in the middle of its work.

    Attributes:
        role: of the process; a spare is never struck.
    """

    role: ClassVar[Role]
    quick = True
    recovers_within_s = 20.0

    async def strike(self, scene: Scene, window: Window) -> None:
        """Kill one of them."""
        del window
        pids = scene.workers.find(self.role)
        if not pids:
            raise VerifyError(f"there is no {self.role} process to kill")
        await scene.workers.kill(scene.draw.choice(pids))


class KillWorker(Kill):
    """A worker process is gone in the middle of its batches."""

    name = "kill -9 a worker"
    row = "1"
    promise = "nothing lost; only what was not committed is answered again, with the same id"
    role = Role.WORKER
    recovers_within_s = SESSION_S + 10
    repeats = True


class KillDevice(Kill):
    """The process that holds the models is gone in the middle of a batch."""

    name = "kill -9 the device process"
    row = "11"
    promise = "its batches are predicted again by the successor; nothing lost, nothing repeated"
    needs = frozenset({Need.MODEL})
    role = Role.DEVICE


class KillLearner(Kill):
    """The process that holds the learners' states is gone; it has no spare."""

    name = "kill -9 the learner process"
    row = "1"
    promise = "states are restored from snapshot and log; answers as if nothing had happened"
    needs = frozenset({Need.LEARNER})
    role = Role.LEARNER
    quick = False


class TerminateWorkers(Strike):
    """The application is told to go, and started again."""

    name = "SIGTERM in the middle, then a new start"
    row = "2"
    promise = "what is in hand is finished and committed, exit code 0; nothing is repeated"
    quick = True
    recovers_within_s = 30.0
    restarts = True

    async def strike(self, scene: Scene, window: Window) -> None:
        """SIGTERM to `aimass worker`; the exit must be a good one."""
        began = time.monotonic()
        ended = await scene.workers.stop(DRAIN_S + 10)
        drained_s = time.monotonic() - began
        window.measure("drain_s", drained_s)
        if ended is None or ended.code:
            window.problem(f"it ended with {ended.reason if ended else 'nothing'}, not 0")
        if drained_s > DRAIN_S + 5:
            window.problem(f"the drain took {drained_s:.1f} s")
        await start_again(scene, window)


class SecondSignal(Strike):
    """The application is told to go, cannot since the broker stands still, and is told again."""

    name = "a second signal while draining"
    row = "3"
    promise = "the end within 2 s with 130 or 143; state intact, as after kill -9"
    recovers_within_s = 30.0
    restarts = True
    repeats = True

    async def strike(self, scene: Scene, window: Window) -> None:
        """SIGTERM, and SIGINT or SIGTERM as the seed has it, while it drains."""
        child, second = scene.workers.child, scene.draw.choice((signal.SIGINT, signal.SIGTERM))
        # Most applications have drained before any second signal comes.
        with scene.broker.paused():
            child.send_signal(signal.SIGTERM)
            await asyncio.sleep(GAP_S)
            if child.exited.done():
                raise VerifyError("it ended although its broker stood still")
            began = time.monotonic()
            child.send_signal(second)
            ended = await child.stop(FORCED_S + 3)
            took_s = time.monotonic() - began
        window.measure("forced_s", took_s)
        if took_s > FORCED_S:
            window.problem(f"it took {took_s:.1f} s to end")
        if ended.code not in FORCED_CODES:
            window.problem(f"it ended with {ended.reason}, not {FORCED_CODES}")
        await start_again(scene, window)


async def start_again(scene: Scene, window: Window) -> None:
    """Start the application, and wait until it answers what is left; no backlog grows meanwhile."""
    began, seen = time.monotonic(), window.outcomes()
    with window.held_load():
        await scene.start(scene.workers.count)
        await window.until(
            lambda: window.outcomes() > seen, "an outcome after a new start", START_S
        )
    window.measure("start_s", time.monotonic() - began)
