"""The model of scale finds what rows were made from, and predicts one it was not given."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from benchmarks.scale_model import ScaleModel, check, fit

TRUE = ScaleModel(record_us=5.0, partition_us=0.02, worker_us=0.3, broker_us=2.0, used=0.9, cores=2)


def rows(noise: float = 0.0) -> list[dict[str, Any]]:
    return [
        {
            "workers": workers,
            "partitions": partitions,
            "cpu_us_per_record": TRUE.worker_cost_us(workers, partitions),
            "broker_cpu_us_per_record": TRUE.broker_us,
            "records_per_s": TRUE.records_per_s(workers, partitions) * (1 + noise * (-1) ** place),
        }
        for place, (workers, partitions) in enumerate(product((1, 2, 4), (8, 32, 64)))
    ]


def test_it_finds_what_rows_were_made_from() -> None:
    found = fit(rows(), TRUE.cores)
    assert found.record_us == pytest.approx(TRUE.record_us)
    assert found.partition_us == pytest.approx(TRUE.partition_us)
    assert found.worker_us == pytest.approx(TRUE.worker_us)
    assert found.used == pytest.approx(TRUE.used)


def test_one_worker_is_bound_by_one_core() -> None:
    assert TRUE.records_per_s(1, 8) == pytest.approx(0.9e6 / 5.16)


def test_the_largest_row_is_predicted_and_not_fitted() -> None:
    given = rows(noise=0.02)
    given[-1]["records_per_s"] *= 2
    found = check(given, TRUE.cores)
    assert found is not None
    assert found["error"] == pytest.approx(-0.5, abs=0.03)


def test_a_few_rows_predict_nothing() -> None:
    assert check(rows()[:4], TRUE.cores) is None
