"""The mixed row set: text, images and audio at once, on one device.

What each model's floor does in a second of the device is known from a run of its own, so that
answers of all kinds add up to seconds of offline work. They are counted while every kind has
records left: from the moment at which each has a tenth of its answers on the broker to the moment
at which the first has all; at both by what models have answered.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.device.kinds import KINDS
from benchmarks.device.run import (
    OURS,
    PARTITIONS,
    build_model,
    fill_topic,
    measure_offline,
)
from benchmarks.place import Place
from benchmarks.processes import Cores, ProcessTree, run_tree, worker_env
from benchmarks.topics import counting, drop_topics, make_topic, total
from benchmarks.watch import POLL_S, STALL_S, START_S, WARM_SHARE
from benchmarks.worker_metrics import answered_by_models

Counts = dict[str, int]
"""Answers by kind."""

_SOURCE = "bench.mixed"
_RECORDS = {"text": 8_000, "images": 440, "audio": 5_800}
"""About as long for each model by itself."""


def run_mixed(bench: Bench) -> None:
    """Measure the floor of each kind and all of them at once, interleaved."""
    cores, models = Cores.choose(), bench.scratch / "models"
    counts = {name: bench.scaled(_RECORDS[name]) for name in KINDS}
    for name, kind in KINDS.items():
        build_model(kind, models)
        fill_topic(bench, f"{_SOURCE}.{name}", kind, counts[name])

    def measure(contestant: str) -> Figures:
        if contestant == OURS:
            return asyncio.run(_measure_ours(bench, cores, models, counts))
        kind = KINDS[contestant]
        return measure_offline(kind, cores, models, counts[contestant], kind.policies[0])

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows: list[dict[str, Any]] = [
            {"contestant": name, **medians(figures), "rounds": len(figures), "runs": figures}
            for name, figures in runs.items()
            if figures
        ]
        _add_work(rows)
        bench.write("mixed", {"rows": rows, "records": counts, "pinned": cores.can_pin})

    others = [os.getpid()] + ([bench.broker_pid] if bench.broker_pid else [])
    with cores.beside(others):
        interleave(bench, [*KINDS, OURS], measure, keep)


def _add_work(rows: list[dict[str, Any]]) -> None:
    """What ours did in a second, in seconds of offline work, by kind and in all."""
    by_name = {row["contestant"]: row for row in rows}
    if {OURS, *KINDS} > by_name.keys():
        return
    ours = by_name[OURS]
    work = {name: ours[f"{name}_records_per_s"] / by_name[name]["records_per_s"] for name in KINDS}
    ours["share_of_device"] = {name: round(share, 3) for name, share in work.items()}
    ours["share_of_offline"] = round(sum(work.values()), 3)


async def _measure_ours(
    bench: Bench, cores: Cores, models: Path, counts: Mapping[str, int]
) -> Figures:
    stamp = time.time_ns()
    state = bench.scratch / str(stamp)
    state.mkdir()
    server = ",".join(bootstrap_servers(bench.url))
    place = Place(server, _SOURCE, f"bench.answers.{stamp}", f"bench-{stamp}", state)
    env = {**place.to_env(), **worker_env(bench.url, state), "AIMASS_MODELS": str(models)}
    argv = [sys.executable, "-m", "aimass_stream.cli.worker_process", "benchmarks.device.mixed_app"]
    try:
        async with AsyncExitStack() as stack:
            readers: dict[str, TopicReader] = {}
            for name in KINDS:
                topic = f"{place.answers}.{name}"
                await make_topic(bench.url, topic, PARTITIONS)
                readers[name] = await stack.enter_async_context(counting(bench.url, topic))
            tree = await stack.enter_async_context(
                run_tree(argv, env, state / "log", cores.starting())
            )
            return await _watch(readers, tree, counts, cores, env["AIMASS_WEB_PORT"])
    finally:
        await drop_topics(bench.url, "bench.answers.")


class _Progress:
    """Answers of each kind, and the longest time that each stood still."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.done = dict.fromkeys(kinds, 0)
        self.moved_s = dict.fromkeys(self.done, time.monotonic())
        self.stood_s = dict.fromkeys(self.done, 0.0)

    def see(self, done: Counts, now_s: float) -> None:
        """Take in how many there are now."""
        for name, count in done.items():
            self.stood_s[name] = max(self.stood_s[name], now_s - self.moved_s[name])
            if count > self.done[name]:
                self.moved_s[name] = now_s
        self.done = done

    def reached(self, share: float, counts: Mapping[str, int]) -> list[bool]:
        """For each kind, whether such a share is answered."""
        return [count >= share * counts[name] for name, count in self.done.items()]


async def _watch(
    readers: Mapping[str, TopicReader],
    tree: ProcessTree,
    counts: Mapping[str, int],
    cores: Cores,
    port: str,
) -> Figures:
    """Answers a second by kind while all have records left, and how long any kind stood still."""
    starting = _Progress(readers)
    while not all(starting.reached(WARM_SHARE, counts)):
        cores.spread(tree)
        await _look(readers, starting, tree, START_S)
    first, begun_s = await answered_by_models(port), time.monotonic()
    progress = _Progress(readers)
    progress.done = starting.done
    while not any(progress.reached(1, counts)):
        await _look(readers, progress, tree, STALL_S)
    last, took_s = await answered_by_models(port), time.monotonic() - begun_s
    rates = {
        f"{name}_records_per_s": round((last[model] - first[model]) / took_s, 2)
        for name, model in ((name, KINDS[name].model) for name in readers)
    }
    stood = {f"{name}_stood_s": round(longest_s, 2) for name, longest_s in progress.stood_s.items()}
    return {**rates, **stood, "rss_mib": round(tree.rss_bytes() / 2**20, 1)}


async def _look(
    readers: Mapping[str, TopicReader], progress: _Progress, tree: ProcessTree, limit_s: float
) -> None:
    await asyncio.sleep(POLL_S)
    progress.see({name: await total(one) for name, one in readers.items()}, time.monotonic())
    tree.check_alive()
    if time.monotonic() - max(progress.moved_s.values()) > limit_s:
        raise ContestantFailedError(f"no answer any more:\n{tree.last_words()}")
