"""The scale row set: 1, 2 and 4 workers on 8, 32 and 64 partitions, with the engine's small job.

Rates are from 40% to 80% of the answers: before, workers still join, and the first has all the
partitions. Then one worker of several is told to go, and the longest time that any partition with
records left stands still is the time of the rebalance.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import psutil

from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.runtime.device import usable_cores
from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.engine.workload import make_record
from benchmarks.place import Place
from benchmarks.processes import ProcessTree, run_tree, worker_env
from benchmarks.scale_model import check
from benchmarks.topics import Row, counting, drop_topics, fill, make_topic, total
from benchmarks.watch import POLL_S, STALL_S, START_S

WORKERS = (1, 2, 4)
PARTITIONS = (8, 32, 64)
RECORDS = 1_200_000
JOINED_SHARE = 0.4
LEAVE_SHARE = 0.8
PROGRAM = ("aimass_stream.cli.worker_process", "benchmarks.engine.aimass_app")


@dataclass(frozen=True)
class Size:
    """How many workers share how many partitions."""

    workers: int
    partitions: int

    def __str__(self) -> str:
        """As a contestant's name."""
        return f"{self.workers} x {self.partitions}"

    @property
    def source(self) -> str:
        """The topic that is read."""
        return f"bench.scale.{self.partitions}"


def run_scale(bench: Bench) -> None:
    """Measure every size once a round, and write medians."""
    sizes = {str(size): size for size in (Size(*pair) for pair in product(WORKERS, PARTITIONS))}
    count = bench.scaled(RECORDS)
    for partitions in PARTITIONS:
        source = Size(1, partitions).source
        asyncio.run(fill(bench.url, source, partitions, _rows(count), count))

    def measure(name: str) -> Figures:
        return asyncio.run(_measure(bench, sizes[name], count))

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows: list[dict[str, Any]] = [
            {
                "workers": sizes[name].workers,
                "partitions": sizes[name].partitions,
                **medians(figures),
                "rounds": len(figures),
                "runs": figures,
            }
            for name, figures in runs.items()
            if figures
        ]
        model = check(rows, usable_cores())
        bench.write("scale", {"rows": rows, "records": count, "model": model})

    interleave(bench, list(sizes), measure, keep)


def _rows(count: int) -> Iterator[Row]:
    draw = np.random.default_rng(3)
    return (make_record(number, draw) for number in range(count))


async def _measure(bench: Bench, size: Size, count: int) -> Figures:
    stamp = time.time_ns()
    state = bench.scratch / str(stamp)
    state.mkdir()
    server = ",".join(bootstrap_servers(bench.url))
    place = Place(server, size.source, f"bench.answers.{stamp}", f"bench-{stamp}", state)
    await make_topic(bench.url, place.answers, size.partitions)
    argv = [
        sys.executable,
        "-m",
        "aimass_stream.cli.worker_process",
        "benchmarks.engine.aimass_app",
    ]
    try:
        async with AsyncExitStack() as stack:
            trees = []
            for number in range(size.workers):
                env = {**place.to_env(), **worker_env(bench.url, state, number)}
                log = state / f"log-{number}"
                trees.append(await stack.enter_async_context(run_tree(argv, env, log)))
            reader = await stack.enter_async_context(counting(bench.url, place.answers))
            figures = await _rate(reader, trees, count, bench.broker_pid)
            if size.workers > 1:
                trees[-1].send_signal(signal.SIGTERM)
                figures["rebalance_s"] = await _standstill(reader, count)
            return figures
    finally:
        await drop_topics(bench.url, "bench.answers.")


async def _rate(
    reader: TopicReader, trees: list[ProcessTree], count: int, broker_pid: int | None
) -> Figures:
    """Rate, CPU and memory from 40% to 80% of the answers."""
    begun = await _reach(reader, trees, JOINED_SHARE * count)
    broker_begun_s = _cpu_s(broker_pid)
    ended = await _reach(reader, trees, LEAVE_SHARE * count)
    answered = ended[0] - begun[0]
    cpu_us = (ended[2] - begun[2]) / answered * 1e6
    broker_us = (_cpu_s(broker_pid) - broker_begun_s) / answered * 1e6
    return {
        "broker_cpu_us_per_record": round(broker_us, 3),
        "records_per_s": round(answered / (ended[1] - begun[1]), 1),
        "cpu_us_per_record": round(cpu_us, 3),
        "records_per_core_s": round(1e6 / cpu_us, 1),
        "rss_mib_per_worker": round(sum(t.rss_bytes() for t in trees) / len(trees) / 2**20, 1),
    }


def _cpu_s(pid: int | None) -> float:
    """CPU time of the broker; 0 where it is not ours."""
    if pid is None:
        return 0.0
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


async def _reach(
    reader: TopicReader, trees: list[ProcessTree], answers: float
) -> tuple[int, float, float]:
    """Answers, time and CPU once there are so many."""
    ends_at = time.monotonic() + START_S
    while (done := await total(reader)) < answers:
        for tree in trees:
            tree.check_alive()
        if time.monotonic() > ends_at:
            raise ContestantFailedError(f"{done:,} answers in {START_S:g} s")
        await asyncio.sleep(POLL_S)
    return done, time.perf_counter(), sum(tree.cpu_s() for tree in trees)


async def _standstill(reader: TopicReader, count: int) -> float:
    """The longest time any partition that is not done stands still, until all are."""
    moved: dict[tuple[str, int], tuple[int, float]] = {}
    longest, ends_at = 0.0, time.monotonic() + STALL_S
    while True:
        ends, now = await reader.end_offsets(), time.monotonic()
        for partition, end in ends.items():
            before, since = moved.get(partition, (-1, now))
            if end > before:
                longest = max(longest, now - since)
                moved[partition] = (end, now)
        if sum(ends.values()) >= count:
            return round(longest, 2)
        if now > ends_at:
            raise ContestantFailedError(f"partitions stand still {STALL_S:g} s after a worker left")
        await asyncio.sleep(POLL_S)
