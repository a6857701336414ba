"""Buckets: few sizes, each holding what it stands for."""

from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.batching import bucket

COSTS = st.floats(min_value=1e-3, max_value=1e9)


def test_constant_cost_is_its_own_bucket() -> None:
    assert bucket(1.0) == 1.0


def test_there_are_eight_buckets_an_octave() -> None:
    found = sorted({bucket(cost) for cost in range(17, 65)})
    assert found == [*range(18, 33, 2), *range(36, 65, 4)]


def test_small_whole_costs_are_not_padded() -> None:
    assert [bucket(cost) for cost in range(1, 9)] == list(range(1, 9))


@given(COSTS)
def test_a_bucket_holds_its_cost_and_wastes_an_eighth_at_most(cost: float) -> None:
    assert cost <= bucket(cost) <= 1.125 * cost


@given(COSTS)
def test_a_bucket_is_its_own_bucket(cost: float) -> None:
    assert bucket(bucket(cost)) == bucket(cost)


@given(COSTS, COSTS)
def test_order_is_kept(one: float, other: float) -> None:
    assert (bucket(one) <= bucket(other)) or one > other


@given(COSTS, st.sampled_from([1, 2, 4, 8]))
def test_more_steps_waste_less(cost: float, steps: int) -> None:
    assert cost <= bucket(cost, 2 * steps) <= bucket(cost, steps)
