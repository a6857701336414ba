"""The latency line: sane from the first batch, robust to pauses, following lasting changes."""

import random

import pytest

from aimass_stream.batching.latency import LatencyLine


def learn(line: LatencyLine, slope: float, intercept: float, batches: int, noise: float) -> None:
    rng = random.Random(7)
    for _ in range(batches):
        cost = rng.uniform(50, 1000)
        line.learn(cost, (slope * cost + intercept) * rng.uniform(1 - noise, 1 + noise))


def test_nothing_is_estimated_before_the_first_batch() -> None:
    line = LatencyLine()
    assert not line.is_known
    assert line.latency_ms(100) == 0


def test_one_batch_says_that_latency_grows_with_cost() -> None:
    line = LatencyLine()
    line.learn(10, 5.0)
    assert line.latency_ms(20) == pytest.approx(10.0)
    assert line.cost_within(20) == pytest.approx(40.0)


def test_a_line_is_learnt_exactly_without_noise() -> None:
    line = LatencyLine()
    learn(line, slope=0.09, intercept=4.0, batches=200, noise=0)
    assert line.latency_ms(500) == pytest.approx(49, rel=0.03)
    assert line.slope == pytest.approx(0.09, rel=0.05)


def test_a_slow_first_batch_is_forgotten_with_the_second() -> None:
    line = LatencyLine()
    line.learn(200, 30_000)
    line.learn(200, 20)
    assert line.latency_ms(200) == pytest.approx(20)


def test_one_pause_hardly_bends_the_line() -> None:
    line = LatencyLine()
    learn(line, slope=0.09, intercept=4.0, batches=100, noise=0.05)
    before = line.latency_ms(500)
    line.learn(500, 5_000)
    assert line.latency_ms(500) < 1.2 * before


def test_a_lasting_change_is_followed_within_forty_batches() -> None:
    line = LatencyLine()
    learn(line, slope=0.09, intercept=4.0, batches=100, noise=0.05)
    learn(line, slope=0.45, intercept=20.0, batches=40, noise=0.05)
    assert line.latency_ms(500) == pytest.approx(245, rel=0.15)


def test_a_flat_line_holds_any_cost() -> None:
    line = LatencyLine()
    for cost in (8, 64, 512) * 50:
        line.learn(cost, 5.0 - cost / 1000)
    assert line.slope == 0
    assert line.cost_within(10) == float("inf")
    assert line.fixed_cost == float("inf")


def test_estimates_are_never_negative() -> None:
    line = LatencyLine()
    for cost, ms in ((100, 1.0), (200, 300.0), (100, 0.0), (200, 400.0)) * 10:
        line.learn(cost, ms)
        assert line.slope >= 0
        assert line.intercept >= 0
