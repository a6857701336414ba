"""What is freed is kept for the next batch, unless whoever runs us says otherwise."""

import ctypes
import os
import subprocess
import sys

import pytest

PASSES = 50
PROGRAM = f"""
import resource
import numpy as np
from aimass_stream.runtime.allocator import keep_freed_memory

def work():
    return [np.ones(1 << 20, np.uint8) * 2 for _ in range(8)]

keep_freed_memory()
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({PASSES}):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults_a_pass(**env: str) -> float:
    """Pages that the system had to give, for each 8 MiB that a process makes and frees."""
    argv = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, check=True)
    return int(done.stdout) / PASSES


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_memory_that_is_freed_is_used_again() -> None:
    assert faults_a_pass() < 10


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_the_environment_has_the_last_word() -> None:
    assert faults_a_pass(MALLOC_MMAP_THRESHOLD_="65536") > 1000
