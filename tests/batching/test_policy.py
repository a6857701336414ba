"""The policy: deadlines while lag is low, throughput while it is high, memory always."""

import pytest

from aimass_stream.batching import Answered, BatchPolicy, Demand
from aimass_stream.batching.policy import FIRST_ROWS, RecentMax

QUIET = Demand(rows=1)
FLOOD = Demand(rows=1_000_000)


def learnt(
    latency_ms: float = 50,
    *,
    slope: float = 0.1,
    intercept: float = 4.0,
    largest: float = 4_000,
    timeout_ms: float = float("inf"),
) -> BatchPolicy:
    """A policy that knows its line, and that batches up to `largest` are answered."""
    policy = BatchPolicy(latency_ms, max_rows=256, timeout_ms=timeout_ms)
    for cost in (8.0, 64.0, 512.0, largest) * 60:
        policy.learn(Answered(cost, cost, rows=8, ms=slope * cost + intercept))
    return policy


def test_the_first_batch_is_small() -> None:
    budget = BatchPolicy(50, max_rows=256).budget(FLOOD)
    assert budget.rows == FIRST_ROWS


def test_the_first_batch_respects_the_row_limit() -> None:
    assert BatchPolicy(50, max_rows=1).budget(FLOOD).rows == 1


def test_low_lag_meets_the_deadline() -> None:
    policy = learnt(latency_ms=50)
    assert policy.latency_ms(policy.budget(QUIET).cost) == pytest.approx(50, rel=0.02)


def test_age_and_a_busy_device_leave_less() -> None:
    policy = learnt(latency_ms=50)
    budget = policy.budget(Demand(rows=1, age_ms=10, busy_ms=15))
    assert policy.latency_ms(budget.cost) == pytest.approx(25, rel=0.03)


def test_what_is_late_anyway_rides_in_a_third_of_the_deadline() -> None:
    policy = learnt(latency_ms=60)
    budget = policy.budget(Demand(rows=1, age_ms=10_000))
    assert policy.latency_ms(budget.cost) == pytest.approx(20, rel=0.04)


def test_a_deadline_below_the_fixed_cost_does_not_shrink_batches_to_nothing() -> None:
    policy = learnt(latency_ms=1, intercept=40.0)
    assert policy.budget(QUIET).cost >= 0.9 * 40.0 / 0.1


def test_high_lag_takes_batches_that_gain() -> None:
    policy = learnt(latency_ms=50)
    quiet, flood = policy.budget(QUIET), policy.budget(FLOOD)
    assert flood.cost > 2 * quiet.cost
    fixed_share = 4.0 / policy.latency_ms(flood.cost)
    assert fixed_share < 0.04


def test_batches_at_most_double() -> None:
    policy = learnt(largest=600)
    assert policy.budget(FLOOD).cost == 1_200


def test_no_batch_comes_near_the_timeout() -> None:
    policy = learnt(latency_ms=50, timeout_ms=400)
    assert policy.latency_ms(policy.budget(FLOOD).cost) == pytest.approx(100, rel=0.02)


def test_halving_is_remembered() -> None:
    policy = learnt()
    policy.halve(400)
    policy.learn(Answered(200, 200, rows=10, ms=24))
    assert policy.budget(FLOOD).cost == 200
    policy.halve(400)
    assert policy.memory_cost == 200, "the second batch in flight must not halve it again"


def test_halving_holds_before_the_first_answer() -> None:
    policy = BatchPolicy(50, max_rows=256)
    policy.halve(8)
    assert policy.budget(FLOOD).cost == 4


def test_padding_below_the_fixed_cost_is_allowed() -> None:
    assert learnt(slope=0.1, intercept=4.0).budget(QUIET).padding == pytest.approx(40, rel=0.1)


def test_recent_max_forgets() -> None:
    recent = RecentMax(window_s=10)
    assert recent.get(0) == 0
    recent.add(5, 0)
    recent.add(9, 1)
    recent.add(3, 2)
    assert recent.get(10.5) == 9
    assert recent.get(11.5) == 3
    assert recent.get(20) == 0
