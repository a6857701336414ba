"""Which size is found, on devices that gain by larger batches, and on some that lose by them."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from aimass_stream.batching import Answered, BatchPolicy, Demand
from aimass_stream.batching.sizes import BatchSizes, size_of

FLOOD = Demand(rows=1_000_000)
NOISE = 0.1


def chosen_rows(ms_of: Callable[[int], float], batches: int = 400) -> Counter[int]:
    """Rows of the last 100 batches, when one of so many rows takes so long."""
    draw = random.Random(7)
    policy, rows = BatchPolicy(50, max_rows=256), list[int]()
    for _ in range(batches):
        budget = policy.budget(FLOOD)
        count = max(1, int(min(budget.rows, budget.cost)))
        ms = ms_of(count) * draw.uniform(1 - NOISE, 1 + NOISE)
        policy.learn(Answered(count, count, count, ms, budget.size))
        rows.append(count)
    return Counter(rows[-100:])


def most_common(rows: Counter[int]) -> int:
    return rows.most_common(1)[0][0]


def test_rows_that_a_cache_no_longer_holds_are_not_taken() -> None:
    """As a ResNet on one core: 8 images at a time are quickest, 48 take half as long again each."""

    def ms_of(rows: int) -> float:
        return 12 + rows * (40 + max(0, rows - 8) / 2)

    found = chosen_rows(ms_of)
    assert most_common(found) in {4, 8}, "4 images at a time take 3 % longer each"
    assert found[8] + found[4] + found[16] >= 90


def test_a_device_that_is_wide_is_given_many_rows() -> None:
    assert most_common(chosen_rows(lambda rows: 20 + 0.02 * rows)) == 256


def test_where_nothing_is_gained_batches_stay_small() -> None:
    found = chosen_rows(lambda rows: 30.0 * rows)
    assert sum(count for rows, count in found.items() if rows <= 4) >= 95


def test_a_change_is_followed() -> None:
    draw, sizes = random.Random(1), BatchSizes()

    def run(ms_of: Callable[[int], float]) -> int:
        chosen = list[int]()
        for _ in range(2_000):
            size = sizes.choose(first=3, least=0, most=8)
            noise = draw.uniform(1 - NOISE, 1 + NOISE)
            sizes.learn(size, 2**size, 2.0**size, ms_of(2**size) * noise)
            chosen.append(size)
        return Counter(chosen[-200:]).most_common(1)[0][0]

    assert run(lambda rows: 100 + rows) == 8
    assert run(lambda rows: 1 + rows + rows**2 / 50) in {2, 3}


def test_one_pause_says_nothing_of_a_size() -> None:
    sizes = BatchSizes()
    for _ in range(20):
        for size in (2, 3, 4):
            sizes.learn(size, 2**size, 2.0**size, 10 + 2.0**size)
    before = sizes.choose(first=3, least=0, most=4)
    sizes.learn(before, 2**before, 2.0**before, 60_000)
    assert sizes.choose(first=3, least=0, most=4) == before


@pytest.mark.parametrize(("cost", "size"), [(1, 0), (8, 3), (9, 4), (0.4, -1)])
def test_sizes_are_powers_of_two(cost: float, size: int) -> None:
    assert size_of(cost) == size
