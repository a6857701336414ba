"""Each fuzzer runs for a moment: whole and bad input goes through it, and mutations of these."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import NAMES
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
SECONDS = 2
RUNS = re.compile(r"Done (\d+) runs in")

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris has wheels for Linux on x86_64 and Python 3.11 to 3.13 only",
)


@needs_atheris
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", NAMES)
def test_a_fuzzer_finds_nothing(name: str, tmp_path: Path) -> None:
    words = ["--seconds", str(SECONDS), "--crashes", str(tmp_path)]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert list(tmp_path.iterdir()) == []
    runs = RUNS.search(ended.stderr)
    assert runs is not None, ended.stderr[-4000:]
    assert int(runs[1]) > len(list(TARGETS[name].seeds()))


def test_every_target_has_a_name_that_can_be_typed() -> None:
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_no_seed_is_a_finding(name: str) -> None:
    """Without atheris too."""
    for seed in TARGETS[name].seeds():
        TARGETS[name].run(seed)
