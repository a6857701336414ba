"""A contestant seen from outside: how many answers the broker has, and what they cost by then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.bench import ContestantFailedError, Figures
from benchmarks.processes import ProcessTree
from benchmarks.topics import counting, total

WARM_SHARE = 0.1
POLL_S = 0.05
START_S = 600.0
"""Imports and a model take long on a machine that has much else to do."""
STALL_S = 120.0


@dataclass(frozen=True)
class Reading:
    """What is seen at one moment.

    Attributes:
        done: answers on the broker.
        at_s: when.
        cpu_s: CPU time of all processes so far.
        device_cpu_s: that of device processes.
    """

    done: int
    at_s: float
    cpu_s: float
    device_cpu_s: float

    def since(self, begun: Reading) -> Figures:
        """Rates and costs of what was answered since."""
        answered = self.done - begun.done
        figures = {
            "records_per_s": round(answered / (self.at_s - begun.at_s), 1),
            "cpu_us_per_record": round((self.cpu_s - begun.cpu_s) / answered * 1e6, 3),
        }
        if (device_s := self.device_cpu_s - begun.device_cpu_s) > 0:
            figures["records_per_device_cpu_s"] = round(answered / device_s, 2)
        return figures


async def watch(
    url: str,
    answers: str,
    tree: ProcessTree,
    records: int,
    while_starting: Callable[[ProcessTree], None] = lambda tree: None,
    by_models: Callable[[], Awaitable[int]] | None = None,
) -> Figures:
    """CPU and wall time of the processes from 10% to 100% of the answers.

    Where models are asked how much they have done, it is from what they have answered when the
    broker has 10%: some of that is not on the broker yet.

    Args:
        url: the broker.
        answers: the topic that is counted.
        tree: the contestant.
        records: how many answers make 100%.
        while_starting: called at every look before the 10%.
        by_models: how many records models have answered.

    Raises:
        ContestantFailedError: they end before that, or no answer comes for a long time.
    """
    async with counting(url, answers) as reader:
        begun: Reading | None = None
        before: Reading | None = None
        last, moved_at = 0, time.monotonic()
        while True:
            done = await total(reader)
            now = Reading(done, time.perf_counter(), tree.cpu_s(), tree.device_cpu_s())
            if begun is None:
                while_starting(tree)
            if begun is None and done >= WARM_SHARE * records:
                # So few that all came between two looks: then they count from the look before.
                begun = before if before is not None and done >= records else now
                if by_models is not None and (ahead := await by_models()) < records:
                    begun = Reading(ahead, time.perf_counter(), tree.cpu_s(), tree.device_cpu_s())
            if begun is not None and done > begun.done and done >= records:
                return {**now.since(begun), "processes": float(len(tree.members()))}
            before = now
            tree.check_alive()
            if done > last:
                last, moved_at = done, time.monotonic()
            if (stood_s := time.monotonic() - moved_at) > (STALL_S if last else START_S):
                raise ContestantFailedError(f"no answer in {stood_s:.0f} s:\n{tree.last_words()}")
            await asyncio.sleep(POLL_S)
