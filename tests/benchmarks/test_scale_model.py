"""The model of scale finds what rows were made from, and predicts one it was not given."""

from __future__ import annotations

from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.scale_model import Fleet, ScaleModel, check, fit, main

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


def test_a_fleet_is_bound_by_what_is_scarcest() -> None:
    wide = Fleet(workers=24, partitions=240, machines=6, cores=8)
    by_workers = TRUE.forecast(wide)
    assert by_workers.bound_by == "workers"
    # Ten partitions and three neighbours for each.
    assert by_workers.records_per_s == pytest.approx(24 * 0.9e6 / (5 + 10 * 0.02 + 3 * 0.3))
    assert by_workers.broker_cores == 8
    assert TRUE.forecast(Fleet(24, 240, machines=6, cores=2)).bound_by == "cores"
    by_devices = TRUE.forecast(Fleet(24, 240, 6, 8, devices=12, device_records_per_s=2_000))
    assert (by_devices.bound_by, by_devices.records_per_s) == ("devices", 24_000)


def test_a_worker_without_a_partition_adds_nothing() -> None:
    assert TRUE.forecast(Fleet(16, 8, 4, 4)) == TRUE.forecast(Fleet(8, 8, 4, 4))


def test_the_command_reads_a_result_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "scale.json"
    file.write_bytes(orjson.dumps({"model": {**asdict(TRUE), "error": 0.1}}))
    main(["--workers", "1", "--partitions", "8", "--result", str(file)])
    assert capsys.readouterr().out == (
        "174,419 records a second, bound by workers; brokers need 1 cores\n"
    )
