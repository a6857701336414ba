"""The memory row set: two million records, and what a worker and a device process grow by.

Resident memory is looked at five times a second. From half of the records on, when buffers and
caches are as large as they get, a line is laid through it: its slope is what a record leaves
behind. The topic is filled before, so that all buffers are full throughout.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import psutil

from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.engine.workload import PARTITIONS, make_record
from benchmarks.place import Place
from benchmarks.processes import ProcessTree, is_device, run_tree, worker_env
from benchmarks.topics import Row, counting, drop_topics, fill, make_topic, total

SOURCE = "bench.memory"
ANSWERS = "bench.memory-answers."
RECORDS = 2_000_000
WARM_SHARE = 0.5
LOOK_S = 0.2
LEAST_LOOKS = 10
STALL_S = 300.0

APPS: Mapping[str, str] = {
    "an inline model": "benchmarks.engine.aimass_app",
    "a model in a device process": "benchmarks.memory.app",
}


def run_memory(bench: Bench) -> None:
    """Measure every app once a round, and write medians."""
    count = bench.scaled(RECORDS)
    asyncio.run(fill(bench.url, SOURCE, PARTITIONS, _rows(count), count))

    def measure(name: str) -> Figures:
        return asyncio.run(_measure(bench, APPS[name], count))

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows = [
            {"contestant": name, **medians(figures), "rounds": len(figures), "runs": figures}
            for name, figures in runs.items()
            if figures
        ]
        bench.write("memory", {"rows": rows, "records": count, "partitions": PARTITIONS})

    interleave(bench, list(APPS), measure, keep)


def _rows(count: int) -> Iterator[Row]:
    draw = np.random.default_rng(3)
    return (make_record(number, draw) for number in range(count))


@dataclass
class Growth:
    """Resident memory of one process beside the records that were answered by then.

    Attributes:
        answers: how many there were at each look.
        rss_bytes: how large it was.
    """

    answers: list[int] = field(default_factory=list)
    rss_bytes: list[int] = field(default_factory=list)

    def look(self, answers: int, process: psutil.Process) -> None:
        """Take in one look."""
        self.answers.append(answers)
        self.rss_bytes.append(process.memory_info().rss)

    def figures(self, role: str, count: int) -> Figures:
        """Its size in the end, and the slope behind the warm-up if there were looks enough."""
        answers, rss = np.array(self.answers), np.array(self.rss_bytes)
        warm = answers >= WARM_SHARE * count
        figures = {f"{role}_mib": round(self.rss_bytes[-1] / 2**20, 1)}
        if warm.sum() >= LEAST_LOOKS:
            slope = np.polyfit(answers[warm], rss[warm], 1)[0]
            figures[f"{role}_bytes_per_record"] = round(float(slope), 2)
        return figures


async def _measure(bench: Bench, app: str, count: int) -> Figures:
    stamp = time.time_ns()
    state = bench.scratch / str(stamp)
    state.mkdir()
    server = ",".join(bootstrap_servers(bench.url))
    place = Place(server, SOURCE, f"{ANSWERS}{stamp}", f"bench-{stamp}", state)
    await make_topic(bench.url, place.answers, PARTITIONS)
    env = {**place.to_env(), **worker_env(bench.url, state)}
    argv = [sys.executable, "-m", "aimass_stream.cli.worker_process", app]
    try:
        async with (
            counting(bench.url, place.answers) as reader,
            run_tree(argv, env, state / "log") as tree,
        ):
            return await _grow(reader, tree, count)
    finally:
        await drop_topics(bench.url, ANSWERS)


async def _grow(reader: TopicReader, tree: ProcessTree, count: int) -> Figures:
    worker, device = Growth(), Growth()
    begun, moved_at, last = time.monotonic(), time.monotonic(), 0
    while (answers := await total(reader)) < count:
        tree.check_alive()
        if answers > last:
            last, moved_at = answers, time.monotonic()
        if time.monotonic() - moved_at > STALL_S:
            raise ContestantFailedError(f"{answers:,} answers, and no more:\n{tree.last_words()}")
        members = tree.members()
        worker.look(answers, members[0])
        for process in filter(is_device, members):
            device.look(answers, process)
        await asyncio.sleep(LOOK_S)
    figures = {"records_per_s": round(count / (time.monotonic() - begun), 1)}
    figures |= worker.figures("worker", count)
    return figures | (device.figures("device", count) if device.answers else {})
