"""The queue: nothing lost, nothing twice, budgets kept, nobody passed over, little padding."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimass_stream.batching import BatchQueue, Budget, Entry
from aimass_stream.batching.queue import padded_cost

WIDE = Budget(cost=math.inf, rows=10**9, padding=math.inf)

COSTS = st.one_of(st.just(1.0), st.integers(1, 300).map(float), st.floats(0.01, 1000))
BUDGETS = st.builds(
    Budget,
    cost=st.one_of(st.floats(0.5, 5000), st.just(math.inf)),
    rows=st.integers(1, 64),
    padding=st.sampled_from([0.0, 50.0, math.inf]),
)
STEPS = st.lists(
    st.one_of(
        st.lists(COSTS, max_size=40),
        BUDGETS,
        st.sampled_from(["put back", "remove"]),
    ),
    max_size=30,
)


def entries(costs: list[float]) -> list[Entry]:
    return [Entry(cost, 0.0) for cost in costs]


def drain(queue: BatchQueue[Entry], budget: Budget) -> list[list[Entry]]:
    batches = []
    while batch := queue.next_batch(budget):
        batches.append(batch)
    return batches


@settings(deadline=None)
@given(STEPS, st.sampled_from([1, 7, 160]))
def test_laws_of_the_queue(steps: list[object], window: int) -> None:
    queue: BatchQueue[Entry] = BatchQueue(window)
    waiting: set[Entry] = set()
    batch: list[Entry] = []
    for step in steps:
        if isinstance(step, Budget):
            batch = queue.next_batch(step)
            check_batch(batch, waiting, step)
            waiting.difference_update(batch)
        elif step == "put back":
            returned, batch = batch[len(batch) // 2 :], []
            queue.put_back(returned)
            waiting.update(returned)
        elif step == "remove":
            unwanted = {entry for entry in waiting if entry.seq % 3 == 0}
            assert queue.remove(unwanted.__contains__) == len(unwanted)
            waiting -= unwanted
        elif isinstance(step, list):
            arrived = entries(step)
            queue.put(arrived)
            waiting.update(arrived)
        assert len(queue) == len(waiting)
    drained = [entry for rest in drain(queue, WIDE) for entry in rest]
    assert len(drained) == len(waiting)
    assert set(drained) == waiting


def check_batch(batch: list[Entry], waiting: set[Entry], budget: Budget) -> None:
    assert bool(batch) == bool(waiting)
    if not batch:
        return
    assert len(set(batch)) == len(batch)
    assert waiting.issuperset(batch)
    assert len(batch) <= budget.rows
    assert len(batch) == 1 or padded_cost(batch) <= budget.cost * (1 + 1e-9)
    oldest = min(waiting, key=lambda entry: entry.seq)
    assert oldest in batch, "passed over by younger ones"


@settings(deadline=None)
@given(st.lists(COSTS, min_size=1, max_size=120), BUDGETS, st.data())
def test_an_entry_is_overtaken_by_at_most_as_many_batches_as_were_before_it(
    costs: list[float], budget: Budget, data: st.DataObject
) -> None:
    queue: BatchQueue[Entry] = BatchQueue(window=32)
    queue.put(entries(costs))
    watched = data.draw(st.integers(0, len(costs) - 1))
    batches = 0
    while not any(entry.seq == watched for entry in queue.next_batch(budget)):
        batches += 1
        queue.put(entries(costs[:5]))
    assert batches <= watched


def test_equal_costs_leave_in_arrival_order() -> None:
    queue: BatchQueue[Entry] = BatchQueue(window=4)
    queue.put(entries([1.0] * 10))
    batches = drain(queue, Budget(cost=3, rows=100))
    assert [[entry.seq for entry in batch] for batch in batches] == [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
        [9],
    ]


def test_what_is_put_back_rides_next() -> None:
    queue: BatchQueue[Entry] = BatchQueue(window=160)
    queue.put(entries([1.0] * 10))
    first = queue.next_batch(Budget(cost=4, rows=4))
    queue.put_back(first[2:])
    assert [entry.seq for entry in queue.next_batch(Budget(cost=4, rows=4))] == [2, 3, 4, 5]


def test_a_row_above_the_budget_goes_alone() -> None:
    queue: BatchQueue[Entry] = BatchQueue(window=160)
    queue.put(entries([500.0, 500.0]))
    assert len(queue.next_batch(Budget(cost=10, rows=8))) == 1


def test_padding_cheaper_than_a_batch_is_accepted() -> None:
    strict: BatchQueue[Entry] = BatchQueue(window=160)
    loose: BatchQueue[Entry] = BatchQueue(window=160)
    for queue in (strict, loose):
        queue.put(entries([10.0, 64.0]))
    assert len(strict.next_batch(Budget(cost=1000, rows=8))) == 1
    assert len(loose.next_batch(Budget(cost=1000, rows=8, padding=90))) == 2


@pytest.mark.parametrize("seed", range(3))
def test_nine_tenths_of_padded_tokens_are_real(seed: int) -> None:
    """Texts of realistic length, a window of 160, 1,024 padded tokens a batch."""
    rng = random.Random(seed)
    median, mean = 22, 32
    sigma = math.sqrt(2 * math.log(mean / median))
    lengths = [
        min(256.0, max(1.0, round(rng.lognormvariate(math.log(median), sigma))))
        for _ in range(8_000)
    ]
    queue: BatchQueue[Entry] = BatchQueue(window=160)
    queue.put(entries(lengths))
    batches = drain(queue, Budget(cost=1024, rows=256))
    assert sum(lengths) / sum(map(padded_cost, batches)) >= 0.9
    assert len(lengths) / len(batches) >= 12
