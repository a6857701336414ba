"""The engines of the CPU beside each other: ours from Kafka to Kafka, over texts, on one core."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from aimass_stream.adapters.engines import ONNX, ONNX_INT8, TORCH
from benchmarks.bench import Bench, Figures, interleave, medians
from benchmarks.device.kinds import KINDS
from benchmarks.device.run import (
    OURS,
    PARTITIONS,
    build_model,
    fill_topic,
    measure_ours,
    source_of,
)
from benchmarks.processes import Cores

ENGINES = {f"{OURS}, {engine}": engine for engine in (TORCH, ONNX, ONNX_INT8)}
"""Contestants, and the engine that the declaration of each names."""


def run_engines(bench: Bench) -> None:
    """Measure each engine, interleaved, and write medians and ratios to torch."""
    kind, cores = KINDS["text"], Cores.choose()
    count, models = bench.scaled(kind.records), bench.scratch / "models"
    build_model(kind, models)
    fill_topic(bench, source_of(kind), kind, count)

    def measure(contestant: str) -> Figures:
        return asyncio.run(measure_ours(bench, kind, cores, models, ENGINES[contestant]))

    def keep(runs: dict[str, list[Figures]]) -> None:
        about = {
            "records": count,
            "partitions": PARTITIONS,
            "pinned": cores.can_pin,
            "onnxruntime": importlib.metadata.version("onnxruntime"),
        }
        bench.write("engines", {"rows": rows_of(runs), "task": kind.task, **about})

    others = [os.getpid()] + ([bench.broker_pid] if bench.broker_pid else [])
    with cores.beside(others):
        interleave(bench, list(ENGINES), measure, keep)


def rows_of(runs: Mapping[str, Sequence[Figures]]) -> list[dict[str, Any]]:
    """A row for each engine that was measured; of its ratios to torch in each round, the median.

    What else the machine does drifts from round to round, and hardly within one.
    """
    rows: list[dict[str, Any]] = [
        {"contestant": name, **medians(figures), "rounds": len(figures), "runs": list(figures)}
        for name, figures in runs.items()
        if figures
    ]
    floor = runs[f"{OURS}, {TORCH}"]
    for row in rows:
        # One that failed has no later rounds.
        pairs = zip(row["runs"], floor, strict=False)
        ratios = [ours["records_per_s"] / torch["records_per_s"] for ours, torch in pairs]
        if ratios:
            row["times_torch"] = round(median(ratios), 2)
    return rows
