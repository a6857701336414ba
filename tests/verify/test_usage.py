"""What processes take, and how fast it grows."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from aimass_stream.verify.usage import (
    SECONDS_AN_HOUR,
    Usage,
    _quantile,
    descriptor_slope,
    measure,
    rss_slope,
    slope_of,
)

CHILD = "hoard = b'1' * 60_000_000; print(len(hoard), flush=True); input()"
PROGRAM = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE)
files = [open("/dev/null") for _ in range(50)]
input()
child.communicate(b"\\n")
"""


def test_a_tree_is_measured_with_its_children() -> None:
    program = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"60000000\n"
        usage = measure(process.pid)
        assert usage.processes == 2
        assert usage.rss_bytes > 70_000_000
        assert 50 < usage.descriptors < 200
        process.communicate(b"\n")


def test_a_slope_lies_in_its_interval_and_zero_without_one() -> None:
    rng = np.random.default_rng(5)
    at_s = np.arange(0, 1800, 5.0)
    truth, found = 3.0e6, 0
    for _ in range(200):
        noise = rng.normal(0, 1e5, len(at_s))
        slope = slope_of(at_s.tolist(), (truth * at_s / SECONDS_AN_HOUR + noise).tolist())
        found += slope.low <= truth <= slope.high
    assert 180 <= found <= 199
    flat = slope_of([0, 1, 2, 3], [7, 7, 7, 7])
    assert (flat.per_hour, flat.low, flat.high) == pytest.approx((0, 0, 0), abs=1e-6)


def test_growth_of_memory_and_of_descriptors_an_hour() -> None:
    usages = [Usage(float(s), 10**9 + 1000 * s, 50 + s // 100, 1) for s in range(0, 1000, 10)]
    memory = rss_slope(usages)
    assert memory.per_hour == pytest.approx(3.6e6)
    assert memory.high - memory.low < 1
    descriptors = descriptor_slope(usages)
    assert descriptors.low < 36 < descriptors.high
    assert descriptors.low > 30


def test_too_few_moments_are_refused() -> None:
    with pytest.raises(ValueError, match="needs three moments, and 2 were measured"):
        slope_of([1, 2, 2], [1, 2, 3])


@pytest.mark.parametrize(("freedom", "t"), [(5, 2.5706), (10, 2.2281), (30, 2.0423), (300, 1.9679)])
def test_quantiles_are_those_of_the_tables(freedom: int, t: float) -> None:
    assert _quantile(freedom) == pytest.approx(t, rel=0.01)
