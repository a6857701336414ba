"""The slope of memory: what comes before the warm-up is over does not count."""

import pytest

from benchmarks.memory.run import LEAST_LOOKS, Growth

COUNT = 100_000


def grown(looks: int) -> Growth:
    """A process that grows fast to the middle, and by 40 bytes a record from there."""
    answers = [COUNT * look // looks for look in range(looks + 1)]
    rss = [100 * min(at, COUNT // 2) + 40 * max(0, at - COUNT // 2) for at in answers]
    return Growth(answers, rss)


def test_the_slope_is_that_behind_the_warm_up() -> None:
    figures = grown(looks=100).figures("worker", COUNT)
    assert figures["worker_bytes_per_record"] == pytest.approx(40)
    assert figures["worker_mib"] == round((50_000 * 100 + 50_000 * 40) / 2**20, 1)


def test_a_quick_look_has_no_slope() -> None:
    assert list(grown(looks=LEAST_LOOKS).figures("worker", COUNT)) == ["worker_mib"]
