"""Rows of pairs: the strongest stay, the weakest make room, and old ones fade."""

import numpy as np

from aimass_stream.learners.recommendation.pairs import Pairs


def entries(pairs: Pairs, row: int) -> dict[int, float]:
    ids, weights = pairs.of(np.array([row], np.int32), np.ones(1, np.float32))
    return {item: round(weight, 3) for item, weight in zip(ids.tolist(), weights, strict=True)}


def slots(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(numbers, np.int32)


def test_columns_of_a_row_add_up_and_the_weakest_make_room() -> None:
    pairs = Pairs(room=3, half_life=1e9)
    pairs.fit(10)
    pairs.add_to_row(0, slots(1, 2, 3), np.array([3, 1, 2], np.float32))
    pairs.add_to_row(0, slots(4, 1), np.array([5, 1], np.float32))
    assert entries(pairs, 0) == {1: 4, 4: 5, 3: 2}


def test_rows_of_a_column_add_up_and_the_weakest_make_room() -> None:
    pairs = Pairs(room=2, half_life=1e9)
    pairs.fit(10)
    for column, weight in ((5, 1.0), (6, 2.0), (5, 4.0), (7, 1.0)):
        pairs.add(slots(0, 1), column, np.array([weight, 10 * weight], np.float32))
    assert entries(pairs, 0) == {5: 5, 7: 1}
    assert entries(pairs, 1) == {5: 50, 7: 10}


def test_a_row_fades_with_its_own_additions() -> None:
    pairs = Pairs(room=4, half_life=2)
    pairs.fit(10)
    for column in (1, 2, 3):
        pairs.add(slots(0), column, np.ones(1, np.float32))
    pairs.add(slots(1), 1, np.ones(1, np.float32))
    assert entries(pairs, 0) == {1: 0.5, 2: 0.707, 3: 1.0}
    assert entries(pairs, 1) == {1: 1.0}


def test_a_forgotten_item_is_in_no_row() -> None:
    pairs = Pairs(room=4, half_life=2)
    pairs.fit(10)
    pairs.add_to_row(0, slots(1, 2), np.ones(2, np.float32))
    pairs.add_to_row(1, slots(3), np.ones(1, np.float32))
    pairs.forget(slots(1))
    assert set(entries(pairs, 0)) == {2}
    assert entries(pairs, 1) == {}
