"""A worker's memory: what is there is left alone, and what a batch needed is kept for the next."""

from __future__ import annotations

import subprocess
import sys

import pytest

HELD = """
import gc, resource, sys
from aimass_stream.runtime.heap import settle_heap

def batch():
    blocks = [bytes(4_000) for _ in range(1_000)]
    return sum(map(len, blocks))

if sys.argv[1] == "settled":
    settle_heap()
    assert gc.get_freeze_count() > 1_000
    assert gc.get_threshold()[0] > 700
batch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    batch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", HELD, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is meant")
def test_the_memory_of_a_batch_is_kept_for_the_next() -> None:
    assert faults("settled") < faults("plain") / 10
