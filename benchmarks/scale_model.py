"""A model of scale: what workers, partitions and cores give, fitted to the rows but the largest.

A record costs a worker `record_us`; each partition that the worker owns adds `partition_us` to it,
since its chunks are smaller and its fetches more; each other worker adds `worker_us`, since caches
and the broker are shared. The broker and whoever counts cost `broker_us` a record. Cores are used
to a share `used`, and no worker takes more than one. So

    cost_us = record_us + partition_us * partitions / workers + worker_us * (workers - 1)
    records_per_s = used * 1e6 * min(workers / cost_us, cores / (cost_us + broker_us))

The row that is left out of the fit is predicted, and the error is told.

`python -m benchmarks.scale_model` extrapolates: to machines of their own for the brokers, more
machines for workers, and models on devices, which bound what workers could do.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import ceil, inf
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
from scipy.optimize import nnls

RESULT = Path(__file__).parent / "results" / "scale.json"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Fleet:
    """What a job may run on, with the brokers on machines of their own.

    Attributes:
        workers: all of them, spread evenly.
        partitions: of the topic that is read.
        machines: that workers share.
        cores: of each machine.
        devices: that models have, each as quick as the others.
        device_records_per_s: what a model does on one of them.
    """

    workers: int
    partitions: int
    machines: int
    cores: int
    devices: int = 0
    device_records_per_s: float = inf


@dataclass(frozen=True)
class Forecast:
    """What a fleet would do.

    Attributes:
        records_per_s: of all workers.
        bound_by: `workers`, one core each; `cores`, of which there are fewer; or `devices`.
        broker_cores: what the brokers need for it.
    """

    records_per_s: float
    bound_by: str
    broker_cores: int


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

    def forecast(self, fleet: Fleet) -> Forecast:
        """What a fleet does; a worker without a partition does nothing."""
        busy = min(fleet.workers, fleet.partitions)
        beside = ceil(busy / fleet.machines) - 1
        cost_us = (
            self.record_us + self.partition_us * fleet.partitions / busy + self.worker_us * beside
        )
        bounds = {
            "workers": self.used * 1e6 * busy / cost_us,
            "cores": self.used * 1e6 * fleet.machines * fleet.cores / cost_us,
            "devices": fleet.devices * fleet.device_records_per_s if fleet.devices else inf,
        }
        bound_by = min(bounds, key=bounds.__getitem__)
        rate = bounds[bound_by]
        return Forecast(rate, bound_by, ceil(rate * self.broker_us / 1e6))

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


def main(argv: Sequence[str] | None = None) -> None:
    """Print what a fleet would do, by the parameters of a result file."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--machines", type=int, default=1, help="that workers share (1)")
    parser.add_argument("--cores", type=int, default=16, help="of each machine (16)")
    parser.add_argument("--devices", type=int, default=0, help="that models have (none)")
    parser.add_argument(
        "--device-records-per-s", type=float, default=inf, help="what a model does on one"
    )
    parser.add_argument("--result", type=Path, default=RESULT, help="of `make bench ONLY=scale`")
    given = vars(parser.parse_args(argv))
    fitted = orjson.loads(given.pop("result").read_bytes())["model"]
    model = ScaleModel(**{field.name: fitted[field.name] for field in fields(ScaleModel)})
    forecast = model.forecast(Fleet(**given))
    print(
        f"{forecast.records_per_s:,.0f} records a second, bound by {forecast.bound_by}; "
        f"brokers need {forecast.broker_cores} cores"
    )


if __name__ == "__main__":
    main()
