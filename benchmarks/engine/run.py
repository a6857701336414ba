"""Runs the engine row set: contestants in turn, each measured from outside by the broker's log.

CPU is what the contestant's process uses while its answers go from 10% to 100% of the records,
so imports and the group join are left out for everybody alike. The broker's CPU is not counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
import psutil

from aimass_stream.cli.worker import free_ports
from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from aimass_stream.kafka.sender import Sender
from aimass_stream.kafka.topics import TopicPlan, create_topics
from benchmarks.engine.workload import PARTITIONS, make_record

SOURCE = "bench.events"
RECORDS = 400_000
WARM_SHARE = 0.1
FLOOR = "aiokafka send_batch"


@dataclass(frozen=True)
class Contestant:
    """Who takes part: the command, and what it promises."""

    name: str
    argv: tuple[str, ...]
    guarantee: str


PYTHON = sys.executable
LOOP = (PYTHON, "-m", "benchmarks.engine.aiokafka_loop", "{server}", SOURCE, "{answers}", "{group}")
CONTESTANTS = (
    Contestant(
        "aimass",
        (PYTHON, "-m", "aimass_stream.cli.worker_process", "benchmarks.engine.aimass_app"),
        "at least once, one outcome per record on a topic, bad records isolated",
    ),
    Contestant(FLOOR, (*LOOP, "headers"), "at least once; a bad record stops the loop"),
    Contestant(
        "aiokafka send_batch, no headers", (*LOOP, "none"), "at least once, answers without ids"
    ),
)


def run_engine(url: str, rounds: int, out: Path) -> None:
    """Measure every contestant `rounds` times, interleaved, and write the medians."""
    asyncio.run(_fill(url))
    runs: dict[str, list[dict[str, float]]] = {c.name: [] for c in CONTESTANTS}
    for number in range(1, rounds + 1):
        for contestant in CONTESTANTS:
            figures = asyncio.run(_measure(url, contestant))
            runs[contestant.name].append(figures)
            print(
                f"round {number}: {contestant.name:34} {figures['cpu_us_per_record']:6.2f} µs CPU "
                f"a record, {figures['records_per_s']:9,.0f} records/s"
            )
    rows = [_row(contestant, runs[contestant.name]) for contestant in CONTESTANTS]
    floor = next(row for row in rows if row["contestant"] == FLOOR)
    for row in rows:
        row["cpu_ratio_to_floor"] = round(row["cpu_us_per_record"] / floor["cpu_us_per_record"], 3)
        print(f"{row['contestant']:34} {row['cpu_ratio_to_floor']:.2f} times the floor's CPU")
    result = {"rows": rows, "records": RECORDS, "partitions": PARTITIONS, "machine": _machine()}
    out.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


def _row(contestant: Contestant, runs: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "contestant": contestant.name,
        "guarantee": contestant.guarantee,
        "records_per_s": round(median(run["records_per_s"] for run in runs)),
        "cpu_us_per_record": round(median(run["cpu_us_per_record"] for run in runs), 3),
        "rounds": len(runs),
        "runs": runs,
    }


async def _fill(url: str) -> None:
    """Put the records on the source topic, once."""
    client = {"bootstrap_servers": bootstrap_servers(url)}
    await create_topics(client, [TopicPlan(SOURCE, PARTITIONS)], 1)
    async with TopicReader(url, [SOURCE]) as reader:
        held = sum((await reader.end_offsets()).values())
    if held >= RECORDS:
        return
    draw = np.random.default_rng(3)
    print(f"Producing {RECORDS - held:,} records ...")
    async with Sender(url) as sender:
        for number in range(held, RECORDS):
            key, value = make_record(number, draw)
            await sender.send(SOURCE, value, key=key)


async def _measure(url: str, contestant: Contestant) -> dict[str, float]:
    stamp = time.time_ns()
    answers, group = f"bench.answers.{stamp}", f"bench-{stamp}"
    client = {"bootstrap_servers": bootstrap_servers(url)}
    await create_topics(client, [TopicPlan(answers, PARTITIONS)], 1)
    argv = [
        part.format(server=client["bootstrap_servers"][0], answers=answers, group=group)
        for part in contestant.argv
    ]
    env = {
        **os.environ,
        "AIMASS_BROKER": url,
        "AIMASS_REPLICATION": "1",
        "AIMASS_LOG_LEVEL": "WARNING",
        "AIMASS_WEB_PORT": str(free_ports(6066, 1)[0]),
        "BENCH_GROUP": group,
        "BENCH_ANSWERS": answers,
    }
    process = await asyncio.create_subprocess_exec(*argv, env=env, stdin=asyncio.subprocess.DEVNULL)
    try:
        return await _watch(url, answers, psutil.Process(process.pid))
    except psutil.NoSuchProcess:
        raise SystemExit(f"{contestant.name} ended before its work was done") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _watch(url: str, answers: str, process: psutil.Process) -> dict[str, float]:
    """CPU and wall time of the process from 10% to 100% of the answers."""
    async with TopicReader(url, [answers]) as reader:
        begun: tuple[int, float, float] | None = None
        while True:
            done = sum((await reader.end_offsets()).values())
            cpu = process.cpu_times()
            now = (done, cpu.user + cpu.system, time.perf_counter())
            if begun is None and done >= WARM_SHARE * RECORDS:
                begun = now
            if done >= RECORDS and begun is not None:
                records = done - begun[0]
                return {
                    "records_per_s": records / (now[2] - begun[2]),
                    "cpu_us_per_record": (now[1] - begun[1]) / records * 1e6,
                }
            if process.status() == psutil.STATUS_ZOMBIE:
                raise psutil.NoSuchProcess(process.pid)
            await asyncio.sleep(0.02)


def _machine() -> dict[str, Any]:
    packages = ("aiokafka", "faust-streaming", "numpy", "orjson")
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
    }
