"""A model of scale: what workers, partitions and cores give, fitted to the rows but the largest.

A record costs a worker `record_us`; each partition that the worker owns adds `partition_us` to it,
since its chunks are smaller and its fetches more; each other worker adds `worker_us`, since caches
and the broker are shared. The broker and whoever counts cost `broker_us` a record. Cores are used
to a share `used`, and no worker takes more than one. So

    cost_us = record_us + partition_us * partitions / workers + worker_us * (workers - 1)
    records_per_s = used * 1e6 * min(workers / cost_us, cores / (cost_us + broker_us))

where the broker is on machines of its own, `broker_us` is 0 and the second bound falls away with
enough cores. The row that is left out of the fit is predicted, and the error is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

import numpy as np
from scipy.optimize import nnls

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ScaleModel:
    """The model's parameters: microseconds of CPU a record, and a share.

    Attributes:
        record_us: of a worker's own.
        partition_us: for each partition that a worker owns.
        worker_us: for each worker beside it.
        broker_us: of the broker.
        used: share of the cores' time that is used.
        cores: of the machine.
    """

    record_us: float
    partition_us: float
    worker_us: float
    broker_us: float
    used: float
    cores: int

    def worker_cost_us(self, workers: int, partitions: int) -> float:
        """CPU of a worker a record."""
        return (
            self.record_us
            + self.partition_us * partitions / workers
            + self.worker_us * (workers - 1)
        )

    def records_per_s(self, workers: int, partitions: int) -> float:
        """What so many workers do together on the machine that was measured."""
        return self.used * self._bound(workers, partitions)

    def _bound(self, workers: int, partitions: int) -> float:
        cost_us = self.worker_cost_us(workers, partitions)
        return 1e6 * min(workers / cost_us, self.cores / (cost_us + self.broker_us))


def fit(rows: Sequence[Row], cores: int) -> ScaleModel:
    """The model of these rows."""
    terms = [[1, row["partitions"] / row["workers"], row["workers"] - 1] for row in rows]
    costs = [row["cpu_us_per_record"] for row in rows]
    parts, _ = nnls(np.array(terms, float), np.array(costs, float))
    record_us, partition_us, worker_us = map(float, parts)
    broker_us = median(row["broker_cpu_us_per_record"] for row in rows)
    ideal = ScaleModel(record_us, partition_us, worker_us, broker_us, 1.0, cores)
    used = median(
        row["records_per_s"] / ideal.records_per_s(row["workers"], row["partitions"])
        for row in rows
    )
    return replace(ideal, used=used)


def check(rows: Sequence[Row], cores: int) -> dict[str, Any] | None:
    """Fit all rows but the largest, and say what the model predicts of that one.

    Returns:
        The parameters, the prediction, the measurement and the error as a share of it; None where
        there are too few rows.
    """
    if len(rows) < 5:
        return None
    *others, largest = sorted(rows, key=lambda row: (row["workers"], row["partitions"]))
    model = fit(others, cores)
    predicted = model.records_per_s(largest["workers"], largest["partitions"])
    measured = largest["records_per_s"]
    return {
        **{name: round(value, 4) for name, value in asdict(model).items()},
        "predicted_records_per_s": round(predicted, 1),
        "measured_records_per_s": measured,
        "error": round(predicted / measured - 1, 3),
    }
