"""Runs the GPU's rows: ours without Kafka, and the same model with all at hand beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from benchmarks.bench import Bench, ContestantFailedError, Figures, interleave, medians
from benchmarks.gpu.kinds import DTYPE, KINDS, Kind

OURS, FLOOR = "aimass", "offline"
_TIMEOUT_S = 600


def run_gpu(bench: Bench) -> None:
    """Measure ours and the floor of every kind, interleaved, and write medians and shares."""
    card = _card()
    if card is None:
        print("No CUDA device was found; there is nothing to measure.", flush=True)
        return
    models = bench.scratch / "models"
    print("Building the models ...", flush=True)
    _call("models", str(models))
    names = [f"{contestant}, {kind}" for kind in KINDS for contestant in (OURS, FLOOR)]

    def measure(name: str) -> Figures:
        contestant, _, kind_name = name.partition(", ")
        kind = KINDS[kind_name]
        count = bench.scaled(kind.records)
        if contestant == OURS:
            ours: Figures = _call("scored", kind.name, str(models), str(count))
            return ours
        return _floor(kind, models, count)

    def keep(runs: dict[str, list[Figures]]) -> None:
        rows = [
            {"contestant": name, **medians(figures), "rounds": len(figures), "runs": figures}
            for name, figures in runs.items()
            if figures
        ]
        _add_shares(rows)
        bench.write("gpu", {"rows": rows, "dtype": DTYPE, "card": card})

    interleave(bench, names, measure, keep)


def _floor(kind: Kind, models: Path, count: int) -> Figures:
    """The best of the floor's sizes of batch, and that size."""
    found = _call("offline", kind.name, str(models / kind.model / "1"), str(count))
    best = max(found, key=lambda size: found[size]["records_per_s"])
    size = float(best.rpartition(" ")[2])
    return {"records_per_s": found[best]["records_per_s"], "best_batch": size}


def _add_shares(rows: list[dict[str, Any]]) -> None:
    by_name = {row["contestant"]: row for row in rows}
    for kind in KINDS:
        ours, floor = by_name.get(f"{OURS}, {kind}"), by_name.get(f"{FLOOR}, {kind}")
        if ours is not None and floor is not None:
            ours["share_of_offline"] = round(ours["records_per_s"] / floor["records_per_s"], 3)


def _call(module: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", f"benchmarks.gpu.{module}", *arguments]
    ran = subprocess.run(
        command, capture_output=True, check=False, timeout=_TIMEOUT_S, env={**os.environ}
    )
    if ran.returncode:
        raise ContestantFailedError(ran.stderr.decode(errors="replace")[-2000:])
    lines = ran.stdout.splitlines()
    return orjson.loads(lines[-1]) if module != "models" else {}


def _card() -> str | None:
    """The name of the first CUDA device."""
    code = "import torch; print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else '')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    return ran.stdout.decode().strip() or None
