"""The start row set: from `aimass worker` to the first answer of a record that waits for it.

Without a model library there is one process less to import; `cold` is the same with no bytecode
compiled, as after an installation that leaves it to the first start. Files are in the system's
cache in both. CPU time is that of all processes up to the first answer, and of the device process
until then.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aimass_stream.kafka.reader import TopicReader, bootstrap_servers
from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.device.kinds import KINDS
from benchmarks.device.run import build_model
from benchmarks.place import Place
from benchmarks.processes import ProcessTree, run_tree, worker_env
from benchmarks.topics import Row, counting, drop_topics, fill, make_topic, total

PARTITIONS = 1
POLL_S = 0.02
LONGEST_S = 300.0
TEXT: Row = (b"user-0000", b"a text")
READING: Row = (b"user-0000", b'{"id": 0, "x": [' + b", ".join([b"0.5"] * 16) + b"]}")


@dataclass(frozen=True)
class Start:
    """What is started, and how.

    Attributes:
        app: the app's module.
        record: what waits for it.
        is_cold: whether no bytecode is compiled yet.
    """

    app: str
    record: Row
    is_cold: bool = False


STARTS: Mapping[str, Start] = {
    "a text model": Start("benchmarks.device.app", TEXT),
    "a text model, cold": Start("benchmarks.device.app", TEXT, is_cold=True),
    "an inline model": Start("benchmarks.engine.aimass_app", READING),
}


def run_start(bench: Bench) -> None:
    """Measure every start once a round, and write medians."""
    kind, models = KINDS["text"], bench.scratch / "models"
    build_model(kind, models)

    def measure(name: str) -> Figures:
        return asyncio.run(_measure(bench, STARTS[name], models))

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows = [
            {"contestant": name, **medians(figures), "rounds": len(figures), "runs": figures}
            for name, figures in runs.items()
            if figures
        ]
        bench.write("start", {"rows": rows})

    interleave(bench, list(STARTS), measure, keep)


async def _measure(bench: Bench, start: Start, models: Path) -> Figures:
    stamp = time.time_ns()
    state = bench.scratch / str(stamp)
    state.mkdir()
    prefix = "bench.start."
    server = ",".join(bootstrap_servers(bench.url))
    place = Place(server, f"{prefix}in.{stamp}", f"{prefix}out.{stamp}", f"bench-{stamp}", state)
    await fill(bench.url, place.source, PARTITIONS, [start.record], 1)
    await make_topic(bench.url, place.answers, PARTITIONS)
    env = {
        **place.to_env(),
        **worker_env(bench.url, state),
        "AIMASS_MODELS": str(models),
        "BENCH_KIND": "text",
        **({"PYTHONPYCACHEPREFIX": str(state / "bytecode")} if start.is_cold else {}),
    }
    argv = [sys.executable, "-m", "aimass_stream.cli.main", "worker", "--app", start.app]
    try:
        async with counting(bench.url, place.answers) as reader:
            begun = time.perf_counter()
            async with run_tree(argv, env, state / "log") as tree:
                return await _first_answer(reader, tree, begun)
    finally:
        await drop_topics(bench.url, prefix)


async def _first_answer(reader: TopicReader, tree: ProcessTree, begun: float) -> Figures:
    while not await total(reader):
        tree.check_alive()
        if (waited_s := time.perf_counter() - begun) > LONGEST_S:
            raise ContestantFailedError(f"no answer in {waited_s:.0f} s:\n{tree.last_words()}")
        await asyncio.sleep(POLL_S)
    return {
        "first_answer_s": round(time.perf_counter() - begun, 2),
        "cpu_s": round(tree.cpu_s(), 2),
        "device_cpu_s": round(tree.device_cpu_s(), 2),
        "processes": float(len(tree.members())),
    }
