"""Rows of pairs: the strongest stay, the weakest make room, and old ones fade."""

import numpy as np
import pytest

from aimass_stream.learners.recommendation.pairs import Kind, Pairs

FOREVER = 1e9


def made(room: int, *kinds: Kind) -> Pairs:
    pairs = Pairs(room, kinds)
    pairs.fit(10)
    return pairs


def entries(pairs: Pairs, row: int, kind: int = 0) -> dict[int, float]:
    ids, votes = pairs.of(slots(row), np.ones((2, 1), np.float32))
    found = zip(ids.tolist(), votes[kind].tolist(), strict=True)
    return {item: round(vote, 3) for item, vote in found if item >= 0}


def slots(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, np.int64)


def weights(*rows: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(rows, np.float32)


def test_what_comes_before_adds_up_and_the_weakest_make_room() -> None:
    pairs = made(3, Kind(FOREVER, both_ways=True))
    pairs.add(slots(1, 2, 3), 0, weights([3, 1, 2]))
    pairs.add(slots(4, 1), 0, weights([5, 1]))
    assert entries(pairs, 0) == {1: 4, 4: 5, 3: 2}


def test_what_comes_after_adds_up_and_the_weakest_make_room() -> None:
    pairs = made(2, Kind(FOREVER))
    for item, weight in ((5, 1.0), (6, 2.0), (5, 4.0), (7, 1.0)):
        pairs.add(slots(0, 1), item, weights([weight, 10 * weight]))
    assert entries(pairs, 0) == {5: 5, 7: 1}
    assert entries(pairs, 1) == {5: 50, 7: 10}


def test_each_kind_has_a_weight_of_its_own_and_all_decide_who_makes_room() -> None:
    pairs = made(2, Kind(FOREVER), Kind(FOREVER, both_ways=True))
    pairs.add(slots(0), 5, weights([1], [6]))
    pairs.add(slots(0), 6, weights([4], [1]))
    pairs.add(slots(0), 7, weights([1], [1]))
    assert entries(pairs, 0, kind=0) == {5: 1, 7: 1}
    assert entries(pairs, 0, kind=1) == {5: 6, 7: 1}
    assert entries(pairs, 7, kind=0) == {0: 0}
    assert entries(pairs, 7, kind=1) == {0: 1}


@pytest.mark.parametrize(("kind", "faded"), [(0, 0.5), (1, 0.25)])
def test_a_row_fades_with_its_own_additions(kind: int, faded: float) -> None:
    pairs = made(4, Kind(half_life=2), Kind(half_life=1))
    for item in (1, 2, 3):
        pairs.add(slots(0), item, weights([1], [1]))
    pairs.add(slots(1), 2, weights([1], [1]))
    assert entries(pairs, 0, kind) == {1: faded, 2: round(faded**0.5, 3), 3: 1.0}
    assert entries(pairs, 1, kind) == {2: 1.0}


def test_a_kind_that_goes_one_way_does_not_fade_by_the_other() -> None:
    pairs = made(4, Kind(half_life=1), Kind(half_life=1, both_ways=True))
    pairs.add(slots(0), 1, weights([1], [1]))
    pairs.add(slots(2), 0, weights([1], [1]))
    assert entries(pairs, 0, kind=0) == {1: 1, 2: 0}
    assert entries(pairs, 0, kind=1) == {1: 0.5, 2: 1}


def test_a_forgotten_item_is_in_no_row() -> None:
    pairs = made(4, Kind(half_life=2, both_ways=True))
    pairs.add(slots(1, 2), 0, weights([1, 1]))
    pairs.add(slots(3), 1, weights([1]))
    pairs.forget(slots(1))
    assert set(entries(pairs, 0)) == {2}
    assert entries(pairs, 1) == {}
