"""The wall clock of the application's processes is wrong, and jumps."""

from __future__ import annotations

import os
from pathlib import Path

from aimass_stream.verify import clock
from aimass_stream.verify.clock.sitecustomize import CLOCK
from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Finding
from aimass_stream.verify.scene import Scene

# Kafka refuses a record that is more than an hour ahead of its own clock.
STEP_S = 3_500.0
HOLD_S = 8.0
"""Seconds between two jumps."""
RECOVERS_S = 10.0


class WrongClock(Fault):
    """The clock jumps an hour ahead, two back, and to where it belongs."""

    name = "the wall clock jumps by an hour"
    row = "15"
    promise = "no timeout goes by the wall clock: nobody stands still, nothing lost or repeated"
    restarts = True

    async def run(self, scene: Scene) -> Finding:
        """Start the application with a clock of its own, and set that clock."""
        file = scene.folder / "clock"
        path = [str(Path(clock.__file__).parent), os.environ.get("PYTHONPATH", "")]
        env = {CLOCK: str(file), "PYTHONPATH": os.pathsep.join(filter(None, path))}
        await scene.restart(env=env)
        # It is started anew before the next fault, with the machine's clock.
        scene.in_doubt = True
        await scene.rest()
        async with scene.window() as window:
            async with window.steady_load():
                await window.catch_in_hand()
                await window.note_strike(repeats=False)
                for off_s in (STEP_S, -STEP_S):
                    settled = window.outcomes()
                    file.write_text(str(off_s))
                    await window.watch(HOLD_S)
                    if window.outcomes() == settled:
                        window.problem(f"no outcome while the clock was off by {off_s:.0f} s")
                file.unlink()
                window.note_over()
                await window.until_flowing(scene.bound_s(RECOVERS_S))
            await window.settle()
            return window.find(recovers_within_s=scene.bound_s(RECOVERS_S))
