"""The backlog row set: 200,000 records wait, and a call of the model goes from 1 ms to 500 ms.

Memory is that of the worker and its model processes, sampled each second; growth counts from a
fifth of the time on, when everything is imported and buffers are full. The lag a worker tells in
its metrics is compared with what the broker has and no outcome is committed for.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import numpy as np
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from benchmarks.bench import Bench, Figures, interleave, medians
from benchmarks.engine.workload import PARTITIONS, make_record
from benchmarks.place import Place
from benchmarks.processes import ProcessTree, run_tree, worker_env
from benchmarks.topics import counting, drop_topics, fill, make_topic, total

RECORDS = 200_000
SECONDS = 300.0
CALL_MS = 1.0
SLOW_CALL_MS = 500.0
SLOW_AFTER_SHARE = 0.01
WARM_SHARE = 0.2
LAG = "aimass_lag_records"
START_S = 180.0
MIN_LAG = 20_000
"""Below it the records of a second are more than a twentieth of the lag."""
MIB = 2**20
SOURCE = "bench.backlog"
PROGRAM = ("aimass_stream.cli.worker_process", "benchmarks.backlog.app")


def run_backlog(bench: Bench) -> None:
    """Measure once a round, and write medians."""
    asyncio.run(_fill(bench))

    def measure(_name: str) -> Figures:
        return asyncio.run(_measure(bench))

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows = [
            {"contestant": name, **medians(figures), "rounds": len(figures), "runs": figures}
            for name, figures in runs.items()
        ]
        bench.write(
            "backlog",
            {
                "rows": rows,
                "records": bench.scaled(RECORDS),
                "seconds": SECONDS * bench.share,
                "call_ms": [CALL_MS, SLOW_CALL_MS],
            },
        )

    interleave(bench, ["aimass"], measure, keep)


async def _fill(bench: Bench) -> None:
    draw, count = np.random.default_rng(5), bench.scaled(RECORDS)
    rows = (make_record(number, draw) for number in range(count))
    await fill(bench.url, SOURCE, PARTITIONS, rows, count)


@dataclass
class Samples:
    """What was seen, a second apart.

    Attributes:
        rss_mib: memory of the worker and its model processes.
        lag_error: how far the lag that was told lay from the truth, as a share of it.
    """

    rss_mib: list[float] = field(default_factory=list)
    lag_error: list[float] = field(default_factory=list)

    def figures(self) -> Figures:
        """Growth after warm-up, and how true the lag was."""
        warm = self.rss_mib[int(len(self.rss_mib) * WARM_SHARE) :]
        return {
            "rss_mib": round(warm[0], 1),
            "rss_growth_mib": round(max(warm) - warm[0], 1),
            "lag_error_p95": round(float(np.percentile(self.lag_error, 95)), 4),
        }


async def _measure(bench: Bench) -> Figures:
    stamp = time.time_ns()
    state = bench.scratch / str(stamp)
    state.mkdir()
    server = ",".join(bootstrap_servers(bench.url))
    place = Place(server, SOURCE, f"bench.backlogged.{stamp}", f"bench-{stamp}", state)
    await make_topic(bench.url, place.answers, PARTITIONS)
    seconds = SECONDS * bench.share
    env = {
        **place.to_env(),
        **worker_env(bench.url, state),
        "BENCH_CALL_MS": str(CALL_MS),
        "BENCH_SLOW_CALL_MS": str(SLOW_CALL_MS),
        "BENCH_SLOW_AFTER_S": str(seconds * SLOW_AFTER_SHARE),
    }
    try:
        async with (
            run_tree([sys.executable, "-m", *PROGRAM], env, state / "log") as tree,
            counting(bench.url, place.answers) as answers,
        ):
            await _begun(answers, tree)
            samples = await _sample(place, tree, env["AIMASS_WEB_PORT"], seconds)
            answered = await total(answers)
    finally:
        await drop_topics(bench.url, "bench.backlogged.")
    return {"answered": float(answered), **samples.figures()}


async def _begun(answers: TopicReader, tree: ProcessTree) -> None:
    async with asyncio.timeout(START_S):
        while not await total(answers):
            tree.check_alive()
            await asyncio.sleep(0.2)


async def _sample(place: Place, tree: ProcessTree, port: str, seconds: float) -> Samples:
    samples, ends_at = Samples(), time.monotonic() + seconds
    partitions = [TopicPartition(place.source, number) for number in range(PARTITIONS)]
    group = AIOKafkaConsumer(
        bootstrap_servers=place.server, group_id=place.group, enable_auto_commit=False
    )
    await group.start()
    group.assign(partitions)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            while time.monotonic() < ends_at:
                tree.check_alive()
                samples.rss_mib.append(tree.rss_bytes() / MIB)
                told = await _told_lag(session, place.source)
                true = await _true_lag(group, partitions)
                if told and true >= MIN_LAG:
                    samples.lag_error.append(abs(sum(told.values()) - true) / true)
                await asyncio.sleep(1.0)
    finally:
        await group.stop()
    return samples


async def _told_lag(session: aiohttp.ClientSession, topic: str) -> Mapping[str, float]:
    """By partition, as the worker's metrics have it."""
    async with session.get("/metrics") as response:
        text = await response.text()
    return {
        sample.labels["partition"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == LAG and sample.labels["topic"] == topic
    }


async def _true_lag(group: AIOKafkaConsumer, partitions: list[TopicPartition]) -> int:
    """Records behind what the group committed."""
    ends = await group.end_offsets(partitions)
    return sum([ends[one] - (await group.committed(one) or 0) for one in partitions])
