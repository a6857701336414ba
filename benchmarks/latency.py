"""The latency row set: 2,000 records a second, whatever becomes of them, and when each is answered.

Latency is from the call that produces a record to the moment the broker has its answer. The
broker stamps answers in whole milliseconds, so half of one is added. Ours has no timer to wait
with; it stands beside loops that wait and that do not.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from aiokafka import AIOKafkaProducer

from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.engine.workload import PARTITIONS, make_record
from benchmarks.place import Place
from benchmarks.processes import ProcessTree, run_tree, worker_env
from benchmarks.topics import counting, drop_topics, make_topic, read_all, total

RATE = 2_000
ROWS = 64
WARM_S = 5.0
SECONDS = 20.0
KEEP_UP_S = 300.0
NEAR = 200
"""Answers that may be due while a contestant counts as keeping up."""

STAMPED = {"message.timestamp.type": "LogAppendTime"}
_LOOP = ("benchmarks.engine.aiokafka_loop", "--headers", "--rows", str(ROWS))
CONTESTANTS: Mapping[str, tuple[str, ...]] = {
    "aimass": ("aimass_stream.cli.worker_process", "benchmarks.engine.aimass_app"),
    "aiokafka, wait 0": (*_LOOP, "--wait-ms", "0"),
    "aiokafka, wait 10 ms": (*_LOOP, "--wait-ms", "10"),
}


def run_latency(bench: Bench) -> None:
    """Measure every contestant once a round, and write medians and ratios."""

    def measure(name: str) -> Figures:
        return asyncio.run(_measure(bench, name))

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows: list[dict[str, Any]] = [
            {"contestant": name, **medians(figures), "rounds": len(figures), "runs": figures}
            for name, figures in runs.items()
            if figures
        ]
        for row in rows[1:]:
            row["ratios_of_aimass"] = {
                figure: round(rows[0][figure] / row[figure], 3) for figure in ("p50_ms", "p99_ms")
            }
        about = {"rate": RATE, "rows": rows, "batch_rows": ROWS, "partitions": PARTITIONS}
        bench.write("latency", about)

    interleave(bench, list(CONTESTANTS), measure, keep)


@dataclass
class Load:
    """An open loop: each record is sent when it is due, whether or not others were answered.

    Attributes:
        sent_ms: when each record was produced, by its number.
    """

    producer: AIOKafkaProducer
    topic: str
    sent_ms: list[float] = field(default_factory=list)
    draw: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))

    async def run(self, stopped: asyncio.Event) -> None:
        """Send at the rate until stopped."""
        begun_s, first = time.monotonic(), len(self.sent_ms)
        while not stopped.is_set():
            due = first + int((time.monotonic() - begun_s) * RATE)
            while len(self.sent_ms) < due:
                await self.send()
            await asyncio.sleep(0.001)

    async def send(self) -> None:
        """Send the next record."""
        number = len(self.sent_ms)
        key, value = make_record(number, self.draw)
        self.sent_ms.append(time.time() * 1000)
        await self.producer.send(self.topic, value, key=key, partition=number % PARTITIONS)


async def _measure(bench: Bench, name: str) -> Figures:
    stamp = time.time_ns()
    state = bench.scratch / str(stamp)
    state.mkdir()
    server = ",".join(bootstrap_servers(bench.url))
    prefix = "bench.latency."
    place = Place(server, f"{prefix}in.{stamp}", f"{prefix}out.{stamp}", f"bench-{stamp}", state)
    await make_topic(bench.url, place.source, PARTITIONS)
    await make_topic(bench.url, place.answers, PARTITIONS, STAMPED)
    env = {**place.to_env(), **worker_env(bench.url, state), "BENCH_ROWS": str(ROWS)}
    argv = [sys.executable, "-m", *CONTESTANTS[name]]
    producer = AIOKafkaProducer(bootstrap_servers=place.server, acks="all")
    await producer.start()
    try:
        async with run_tree(argv, env, state / "log") as tree:
            load = Load(producer, place.source)
            return await _under_load(bench, place, load, tree)
    finally:
        await producer.stop()
        await drop_topics(bench.url, prefix)


async def _under_load(bench: Bench, place: Place, load: Load, tree: ProcessTree) -> Figures:
    stopped = asyncio.Event()
    async with counting(bench.url, place.answers) as reader:
        await load.send()
        await _keeps_up(reader, load, tree, near=0)
        sending = asyncio.create_task(load.run(stopped))
        try:
            await asyncio.sleep(WARM_S)
            await _keeps_up(reader, load, tree)
            first, cpu_s, since = len(load.sent_ms), tree.cpu_s(), time.monotonic()
            await asyncio.sleep(max(2.0, SECONDS * bench.share))
            last, cpu_s = len(load.sent_ms), tree.cpu_s() - cpu_s
            sent_per_s = (last - first) / (time.monotonic() - since)
        finally:
            stopped.set()
            await sending
        await load.producer.flush()
        await _keeps_up(reader, load, tree, near=0)
    answers = await read_all(bench.url, place.answers)
    took_ms = [
        answer.timestamp_ms + 0.5 - load.sent_ms[number]
        for answer in answers
        if first <= (number := orjson.loads(answer.bytes)["id"]) < last
    ]
    p50, p99, p999 = np.percentile(took_ms, (50, 99, 99.9))
    return {
        "p50_ms": round(float(p50), 2),
        "p99_ms": round(float(p99), 2),
        "p99_9_ms": round(float(p999), 2),
        "records": float(len(took_ms)),
        # Below the rate where the machine has no time to send.
        "sent_per_s": round(sent_per_s, 1),
        "cpu_us_per_record": round(cpu_s / len(took_ms) * 1e6, 2),
    }


async def _keeps_up(reader: TopicReader, load: Load, tree: ProcessTree, near: int = NEAR) -> None:
    """Wait until nearly everything that was sent is answered.

    Raises:
        ContestantFailedError: that does not come about.
    """
    ends_at = time.monotonic() + KEEP_UP_S
    while len(load.sent_ms) - (done := await total(reader)) > near or not done:
        tree.check_alive()
        if time.monotonic() > ends_at:
            raise ContestantFailedError(f"{RATE:,} records a second are too many for it here")
        await asyncio.sleep(0.2)
