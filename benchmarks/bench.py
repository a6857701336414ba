"""What every row set is given, how its rounds are run, and the file it leaves behind."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson

Figures = dict[str, float]
"""What one run of one contestant measured."""

OUR_PACKAGES = ("aiokafka", "faust-streaming", "numpy", "orjson", "torch", "transformers")


class ContestantFailedError(Exception):
    """A contestant ended, or got no further, before its work was done."""


@dataclass(frozen=True)
class Bench:
    """One call of `make bench`.

    Attributes:
        url: a broker, as in `AIMASS_BROKER`.
        broker_pid: its process; None where it is not ours.
        rounds: how often each contestant is measured.
        out: folder of the result files.
        scratch: a folder that is gone afterwards.
        peers: Python of the environment with the other engines.
        data: folder of real data; None where there is none.
        share: of the usual number of records; below 1 for a quick look.
        written: the result files so far.
    """

    url: str
    broker_pid: int | None
    rounds: int
    out: Path
    scratch: Path
    peers: str
    data: Path | None = None
    share: float = 1.0
    written: dict[Path, None] = field(default_factory=dict)

    def scaled(self, records: int) -> int:
        """How many records stand for `records` in this call."""
        return max(1, round(records * self.share))

    def write(self, name: str, result: Mapping[str, Any]) -> None:
        """Write a result file, with the machine it was measured on."""
        text = orjson.dumps({**result, "machine": describe_machine()}, option=orjson.OPT_INDENT_2)
        path = self.out / f"{name}.json"
        path.write_bytes(text + b"\n")
        self.written[path] = None


def interleave(
    bench: Bench,
    names: Sequence[str],
    measure: Callable[[str], Figures],
    keep: Callable[[dict[str, list[Figures]]], None],
) -> None:
    """Measure every contestant once a round, in turn, so that all see the same machine.

    Args:
        bench: says how many rounds.
        names: of the contestants.
        measure: runs one of them once; one that fails takes no further part.
        keep: given what was measured so far after each run, so that Ctrl-C loses none of it.
    """
    runs: dict[str, list[Figures]] = {name: [] for name in names}
    failed: set[str] = set()
    for number in range(1, bench.rounds + 1):
        for name in names:
            if name in failed:
                continue
            try:
                figures = measure(name)
            except ContestantFailedError as error:
                print(f"{name} takes no further part: {error}", flush=True)
                failed.add(name)
                continue
            runs[name].append(figures)
            shown = ", ".join(f"{key} {value:,.6g}" for key, value in figures.items())
            print(f"round {number} of {bench.rounds}: {name}: {shown}", flush=True)
            keep(runs)


def medians(runs: Iterable[Figures]) -> Figures:
    """The median of each figure over the runs."""
    runs = list(runs)
    return {key: round(median(run[key] for run in runs), 4) for key in runs[0]}


def versions_of(python: str, packages: Sequence[str]) -> dict[str, str | None]:
    """Versions that an interpreter's environment has; None for a package that is missing."""
    code = (
        "import sys, json, importlib.metadata as m\n"
        "have = {d.name.lower().replace('_', '-'): d.version for d in m.distributions()}\n"
        "print(json.dumps({name: have.get(name) for name in sys.argv[1:]}))"
    )
    try:
        ran = subprocess.run(
            [python, "-c", code, *packages], capture_output=True, check=True, timeout=120
        )
    except (OSError, subprocess.SubprocessError):
        return dict.fromkeys(packages)
    found: dict[str, str | None] = orjson.loads(ran.stdout)
    return found


def describe_machine() -> dict[str, Any]:
    """Processor, system and versions of what is ours."""
    return {
        "cpu": _cpu_name(),
        "cpus": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in OUR_PACKAGES},
    }


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
