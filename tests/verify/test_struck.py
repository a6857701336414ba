"""Faults of models on an application whose models are in processes of their own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.commands import ARGV
from tests.cli.demos import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FOLDER = Path(__file__).parent / "struck"
FAULTS = ("raises on one", "NaN", "SIGSEGV")


@pytest.mark.timeout(240)
def test_models_that_do_wrong_cost_their_victims_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "AIMASS_STATE": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path / "scratch"),
    }
    only = [word for name in FAULTS for word in ("--only", name)]
    file = tmp_path / "report.json"
    ended = subprocess.run(
        [*ARGV, "verify", "--app", "struck_app", "--seed", "3", *only, "--report", str(file)],
        cwd=FOLDER,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=230,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report: dict[str, Any] = orjson.loads(file.read_bytes())
    assert [row["verdict"] for row in report["faults"]] == ["pass"] * len(FAULTS)
    assert sum(row["lost"] + row["differing"] for row in report["faults"]) == 0
    raising, nan, crashing = report["faults"]
    # Two models and a learner, a victim each; the crash has one.
    assert [row["dead_lettered"] for row in (raising, nan)] == [3, 3]
    assert crashing["dead_lettered"] == 1
    for model in ("image-sizes", "text-sizes"):
        rows = int(raising["measured"][f"{model}_rows_of_batch"])
        assert 1 <= raising["measured"][f"{model}_calls"] <= (rows - 1).bit_length() + 3
    assert crashing["measured"]["processes_lost"] >= 1
