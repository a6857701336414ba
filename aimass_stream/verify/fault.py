"""The contract of a fault: what it does to a running application, and what it promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from aimass_stream.verify.application import Need
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.roles import Role

if TYPE_CHECKING:
    from aimass_stream.verify.scene import Scene
    from aimass_stream.verify.window import Window


class Fault(ABC):
    """Something that goes wrong. Has no state: everything lies in the scene.

    Attributes:
        name: in the words of the fault matrix.
        row: its row there; empty where it has none.
        promise: what holds under it, in one line.
        quick: whether `--quick` runs it.
        needs: what an application must have for it.
        workers: worker processes it wants.
        restarts: whether the whole application is started anew by it, or for it.
    """

    name: ClassVar[str]
    row: ClassVar[str] = ""
    promise: ClassVar[str]
    quick: ClassVar[bool] = False
    needs: ClassVar[frozenset[Need]] = frozenset()
    workers: ClassVar[int] = 1
    restarts: ClassVar[bool] = False

    @abstractmethod
    async def run(self, scene: Scene) -> Finding:
        """Do it to the running application, and leave that one running.

        Raises:
            MissedError: it struck while nothing was in hand; it is run again.
            VerifyError: something that was waited for did not come.
        """


class Strike(Fault):
    """A fault that strikes once, in the middle of a steady stream with a burst on top.

    Attributes:
        recovers_within_s: until each agent has answered something new; see `Scene.bound_s`.
        repeats: whether what is not committed when it strikes may be answered once more.
        workers_live: whether no worker process may die of it.
    """

    recovers_within_s: ClassVar[float]
    repeats: ClassVar[bool] = False
    workers_live: ClassVar[bool] = False

    @abstractmethod
    async def strike(self, scene: Scene, window: Window) -> None:
        """Do it, and return when it is over: recovery counts from here."""

    async def run(self, scene: Scene) -> Finding:
        """Send, strike while records are in hand, see the application recover and settle."""
        workers = scene.workers.find(Role.WORKER)
        async with scene.window() as window:
            async with window.steady_load():
                await window.catch_in_hand()
                await window.note_strike(repeats=self.repeats)
                scene.say("striking")
                await self.strike(scene, window)
                window.note_over()
                scene.say("recovering")
                bound_s = scene.bound_s(self.recovers_within_s)
                await window.until_flowing(bound_s)
            await window.settle()
            if self.workers_live and scene.workers.find(Role.WORKER) != workers:
                window.problem("a worker process died")
            return window.find(recovers_within_s=bound_s)
