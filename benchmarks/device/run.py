"""Runs the row sets of a device: ours from Kafka to Kafka, and the same model offline beside it.

Ours has a device process pinned to one core, and everything else on the others; the topic is
filled before it starts. Its figures are those of what its model answers from the moment on when
10% of the answers are on the broker. The floor runs on the same core with every record at hand.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from aimass_stream.kafka.reader import bootstrap_servers
from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.device.inputs import DRAW
from benchmarks.device.kinds import KINDS, NOTES, Kind
from benchmarks.place import Place
from benchmarks.processes import Cores, run_tree, worker_env
from benchmarks.topics import drop_topics, fill, make_topic
from benchmarks.watch import WARM_SHARE, watch
from benchmarks.worker_metrics import answered_by_models

PARTITIONS = 4
OURS = "aimass"


def run_text(bench: Bench) -> None:
    """Texts through a BERT."""
    run_device("text", bench)


def run_images(bench: Bench) -> None:
    """JPEGs through a ResNet."""
    run_device("images", bench)


def run_audio(bench: Bench) -> None:
    """WAV and FLAC through an encoder of spectrograms."""
    run_device("audio", bench)


def run_device(name: str, bench: Bench) -> None:
    """Measure ours and the floor of a kind, interleaved, and write medians and shares."""
    kind, cores = KINDS[name], Cores.choose()
    if not cores.can_pin:
        print("Processes cannot be pinned here; shares say less than they would.", flush=True)
    count = bench.scaled(kind.records)
    models = bench.scratch / "models"
    build_model(kind, models)
    fill_topic(bench, source_of(kind), kind, count)

    def measure(contestant: str) -> Figures:
        if contestant == OURS:
            return asyncio.run(measure_ours(bench, kind, cores, models))
        return measure_offline(kind, cores, models, count, contestant)

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows = [
            {"contestant": one, **medians(figures), "rounds": len(figures), "runs": figures}
            for one, figures in runs.items()
            if figures
        ]
        _add_shares(rows)
        about = {"records": count, "partitions": PARTITIONS, "pinned": cores.can_pin}
        bench.write(name, {"rows": rows, "task": kind.task, **about})

    others = [os.getpid()] + ([bench.broker_pid] if bench.broker_pid else [])
    with cores.beside(others):
        interleave(bench, [OURS, *kind.policies], measure, keep)


def source_of(kind: Kind) -> str:
    """The topic that holds a kind's records."""
    return f"bench.{kind.name}"


def fill_topic(bench: Bench, topic: str, kind: Kind, count: int) -> None:
    """Put so many of a kind's records on a topic, unless they are there."""
    asyncio.run(fill(bench.url, topic, PARTITIONS, _rows(kind, count), count))


def _rows(kind: Kind, count: int) -> Iterator[tuple[bytes, bytes]]:
    for number, payload in enumerate(DRAW[kind.name](count)):
        yield f"user-{number % 1000:04d}".encode(), payload


def _add_shares(rows: list[dict[str, Any]]) -> None:
    """What ours reaches of each other row, in ours: of its rate, and of its rate a CPU second.

    The second leaves out time in which the device stood still or others had its core.
    """
    ours = next((row for row in rows if row["contestant"] == OURS), None)
    if ours is None:
        return
    for share, figure in (
        ("share_of", "records_per_s"),
        ("share_of_by_device_cpu", "records_per_device_cpu_s"),
    ):
        ours[share] = {
            row["contestant"]: round(ours[figure] / row[figure], 3)
            for row in rows
            if row is not ours
        }


def build_model(kind: Kind, models: Path) -> None:
    """Build the model of a kind and publish it in a registry, unless it is there."""
    if (models / kind.model).exists():
        return
    print(f"Building the model of {kind.name} ...", flush=True)
    command = [sys.executable, "-m", "benchmarks.device.models", kind.name, str(models)]
    subprocess.run(command, check=True)


async def measure_ours(
    bench: Bench, kind: Kind, cores: Cores, models: Path, engine: str = ""
) -> Figures:
    """Run ours once; with the engine that is named, or with none named in the declaration."""
    stamp = time.time_ns()
    state = bench.scratch / str(stamp)
    state.mkdir()
    server = ",".join(bootstrap_servers(bench.url))
    place = Place(server, source_of(kind), f"bench.answers.{stamp}", f"bench-{stamp}", state)
    await make_topic(bench.url, place.answers, PARTITIONS)
    env = {
        **place.to_env(),
        **worker_env(bench.url, state),
        "AIMASS_MODELS": str(models),
        "BENCH_KIND": kind.name,
        **({"BENCH_ENGINE": engine} if engine else {}),
    }
    # Without a supervisor: it would start a process for learners beside, and there are none.
    argv = [sys.executable, "-m", "aimass_stream.cli.worker_process", "benchmarks.device.app"]
    try:
        async with run_tree(argv, env, state / "log", cores.starting()) as tree:

            async def answered() -> int:
                return (await answered_by_models(env["AIMASS_WEB_PORT"]))[kind.model]

            records = bench.scaled(kind.records)
            figures = await watch(bench.url, place.answers, tree, records, cores.spread, answered)
    finally:
        await drop_topics(bench.url, "bench.answers.")
    return {**figures, **_padding(state / NOTES)}


def _padding(notes: Path) -> Figures:
    """Share of padding and rows of a batch, of the batches after the first tenth of the rows."""
    if not notes.exists():
        return {}
    batches = [[int(word) for word in line.split()] for line in notes.read_text().splitlines()]
    warm = WARM_SHARE * sum(rows for rows, _, _ in batches)
    seen = count = real = padded = 0
    for rows, real_tokens, padded_tokens in batches:
        seen += rows
        if seen > warm:
            count, real, padded = count + 1, real + real_tokens, padded + padded_tokens
    return {
        "padding_share": round(1 - real / padded, 4),
        "rows_per_batch": round((seen - warm) / count, 1),
    }


def measure_offline(kind: Kind, cores: Cores, models: Path, count: int, policy: str) -> Figures:
    """Run the floor of a kind once, on the device's core."""
    command = [sys.executable, "-m", "benchmarks.device.offline", kind.name]
    command += [str(models / kind.model / "1"), str(count), str(cores.device), policy]
    ran = subprocess.run(command, capture_output=True, check=False)
    if ran.returncode:
        raise ContestantFailedError(ran.stderr.decode(errors="replace")[-2000:])
    figures: Figures = orjson.loads(ran.stdout.splitlines()[-1])
    return figures
