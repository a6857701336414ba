"""What rows are worth, of models that go by what they cost, by how many they are, and by both."""

import random

import pytest

from aimass_stream.batching.work import Work

COSTS = (0.5, 1.0, 1.5, 3.0)


def learnt(by_cost: float, by_row: float, noise: float = 0.1) -> Work:
    """Has seen batches of rows of several costs, which take so many ms a unit and a row."""
    draw, work = random.Random(5), Work()
    for _ in range(200):
        rows, cost = draw.choice((4, 8, 16)), draw.choice(COSTS)
        ms = rows * (by_cost * cost + by_row) * draw.uniform(1 - noise, 1 + noise)
        work.learn(rows, rows * cost, ms)
    return work


@pytest.mark.parametrize(("by_cost", "by_row"), [(10.0, 0.0), (0.0, 10.0), (5.0, 5.0)])
def test_time_a_row_of_work_is_the_same_for_all_costs(by_cost: float, by_row: float) -> None:
    work = learnt(by_cost, by_row)
    taken = [8 * (by_cost * cost + by_row) / work.rows(8, 8 * cost) for cost in COSTS]
    assert max(taken) < 1.15 * min(taken)


def test_rows_of_one_cost_are_rows() -> None:
    work = Work()
    for rows in (2, 4, 8) * 10:
        work.learn(rows, 3.0 * rows, 5.0 * rows + 1)
    assert work.rows(6, 18.0) == pytest.approx(6)
