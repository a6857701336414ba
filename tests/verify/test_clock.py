"""A process whose wall clock is put off from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from aimass_stream.verify import clock
from aimass_stream.verify.clock.sitecustomize import CLOCK

PROGRAM = """
import sys, time
from time import time as taken_early
for line in sys.stdin:
    time.sleep(0.15)
    print(time.time(), time.time_ns(), taken_early(), time.monotonic(), flush=True)
"""


def test_the_wall_clock_jumps_and_the_other_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    env = {**os.environ, CLOCK: str(file), "PYTHONPATH": str(Path(clock.__file__).parent)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for off_s in (0.0, 3_500.0, -3_500.0, 0.0):
            file.write_text(str(off_s))
            process.stdin.write(b"\n")
            process.stdin.flush()
            told_s, told_ns, early_s, monotonic_s = map(float, process.stdout.readline().split())
            for told in (told_s, told_ns / 1e9, early_s):
                assert abs(told - time.time() - off_s) < 5
            assert abs(monotonic_s - time.monotonic()) < 5
        process.stdin.close()
