"""The profile row set: what the engine row's CPU time goes into, part by part.

py-spy looks into a worker that is at work, from outside, at threads that hold the interpreter. A
look counts for the part whose file stands innermost in the stack; the process's clock gives the
sum.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.engine.contestants import CONTESTANTS, RECORDS
from benchmarks.engine.run import SOURCE, fill_source, measure
from benchmarks.processes import ProcessTree
from benchmarks.topics import drop_topics

MORE = 4
"""Times the records of the engine row: looks need time."""
LOOKS_PER_S = 250
LOOK_S = 5
BUSY_S = 1.5
"""CPU seconds after which a worker has done its imports."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "the job": ("benchmarks/engine/",),
    "fetched batches to columns": (
        "aimass_stream/kafka/fetched_chunks",
        "aimass_stream/kafka/columns",
        "aimass_stream/kafka/record_batches",
        "aimass_stream/kafka/checksums",
    ),
    "answers to record batches": (
        "aimass_stream/kafka/answer_headers",
        "aimass_stream/kafka/wire",
        "aimass_stream/kafka/messages",
        "aimass_stream/kafka/column_batch",
        "aiokafka/record/",
    ),
    "ledger, outcomes, delivery": ("aimass_stream/kafka/",),
    "agents, batches, handover": ("aimass_stream/",),
    "the client": ("aiokafka/", "faust/", "mode/"),
    "sockets and event loops": ("asyncio/", "selectors.py", "async_timeout/", "concurrent/"),
}


def run_profile(bench: Bench) -> None:
    """Look into the engine row once a round, and write medians by part."""
    ours = next(each for each in CONTESTANTS if each.name == "aimass")
    ours = replace(ours, records=MORE * RECORDS)
    count = bench.scaled(ours.records)
    asyncio.run(drop_topics(bench.url, SOURCE))
    fill_source(bench, count)

    def measure_parts(_name: str) -> Figures:
        file = bench.scratch / "profile.txt"
        figures = asyncio.run(measure(bench, ours, partial(_look, file)))
        found = parts_of(file.read_text())
        us = figures["cpu_us_per_record"] / found.total()
        return {part: round(found[part] * us, 3) for part in [*PARTS, "else"]}

    def keep(runs: dict[str, list[Figures]]) -> None:
        found = medians(runs["aimass"])
        whole = sum(found.values())
        rows: list[dict[str, Any]] = [
            {"contestant": part, "cpu_us_per_record": us, "share": round(us / whole, 3)}
            for part, us in sorted(found.items(), key=lambda each: -each[1])
        ]
        bench.write("profile", {"rows": rows, "records": count, "rounds": len(runs["aimass"])})

    interleave(bench, ["aimass"], measure_parts, keep)


def parts_of(looks: str) -> Counter[str]:
    """Looks by part, from lines of a stack, outermost first, and how often it was seen."""
    found: Counter[str] = Counter()
    for line in looks.splitlines():
        stack, _, times = line.rpartition(" ")
        found[_part_of(stack.split(";"))] += int(times)
    return found


def _part_of(stack: list[str]) -> str:
    for frame in reversed(stack):
        for part, files in PARTS.items():
            if any(name in frame for name in files):
                return part
    return "else"


async def _look(file: Path, tree: ProcessTree) -> None:
    """Wait until the worker is at work, and look for a while.

    Raises:
        ContestantFailedError: it may not be looked into.
    """
    await asyncio.to_thread(_wait_busy, tree)
    looking = ("--rate", str(LOOKS_PER_S), "--duration", str(LOOK_S), "--gil", "--format", "raw")
    spy = Path(sys.executable).with_name("py-spy")
    process = await asyncio.create_subprocess_exec(
        *(spy, "record", "--pid", str(tree.pid), *looking, "--output", file),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode:
        raise ContestantFailedError(
            f"py-spy could not look: {said.decode().strip()}\nThe system lets root look into "
            "others' processes, or anybody: sudo sysctl kernel.yama.ptrace_scope=0"
        )


def _wait_busy(tree: ProcessTree) -> None:
    while tree.is_alive() and tree.cpu_s() < BUSY_S:
        time.sleep(0.1)
