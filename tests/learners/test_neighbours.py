"""Session neighbours: found by what they share, and voting by order, age and likeness."""

import numpy as np
import pytest

from aimass_stream.learners.recommendation.neighbours import Near, Neighbours


def made(*sessions: list[int], kept: int = 10, votes: int = 1_000) -> Neighbours:
    neighbours = Neighbours(kept, length=4, postings=8, votes=votes)
    neighbours.fit(20)
    for items in sessions:
        number = -1
        for item in items:
            number = neighbours.add(number, item)
    return neighbours


def near(neighbours: Neighbours, *latest_first: int, own: int = -1) -> Near:
    weights = np.power(0.9, np.arange(len(latest_first), dtype=np.float64))
    return neighbours.near(np.array(latest_first, np.int64), weights, own)


def held(found: Near) -> list[list[int]]:
    rows = np.split(found.items, np.cumsum(found.lengths)[:-1]) if len(found.lengths) else []
    return sorted([item for item in row.tolist() if item >= 0] for row in rows)


def votes_of(found: Near, *, in_order: bool = False) -> dict[int, float]:
    votes = found.votes_in_order() if in_order else found.votes()
    return dict(zip(found.items.tolist(), votes.tolist(), strict=True))


def test_sessions_that_share_an_item_are_found_each_once() -> None:
    neighbours = made([1, 2, 3], [2, 4], [5, 6])
    assert held(near(neighbours, 2, 1)) == [[1, 2, 3], [2, 4]]
    assert held(near(neighbours, 7)) == []


def test_the_own_session_does_not_vote() -> None:
    assert held(near(made([1, 2], [2, 3]), 2, own=1)) == [[1, 2]]


def test_who_shares_more_is_nearer_and_only_the_nearest_vote() -> None:
    sessions = [1, 9, 8], [1, 2, 7], [1, 6]
    assert held(near(made(*sessions, votes=5), 2, 1)) == [[1, 2, 7], [1, 6]]
    assert held(near(made(*sessions, votes=3), 2, 1)) == [[1, 2, 7]]


def test_a_rare_item_says_more_than_a_common_one() -> None:
    neighbours = made([1, 5], [1, 6], [1, 7], [2, 8])
    found = near(neighbours, 1, 2)
    votes = votes_of(found)
    assert votes[8] > votes[5] == votes[6] == votes[7] > 0


def test_the_oldest_session_makes_room_and_a_long_one_is_continued() -> None:
    neighbours = made([1, 2], [1, 3], [1, 4], kept=2)
    assert held(near(neighbours, 1)) == [[1, 3], [1, 4]]
    assert held(near(made([1, 2, 3, 4, 5, 6]), 5)) == [[5, 6]]


def test_in_order_what_comes_next_counts_most_and_what_is_behind_least() -> None:
    found = near(made([9, 1, 2, 3]), 1)
    votes = votes_of(found, in_order=True)
    assert votes[2] > votes[3] > votes[9]
    assert len(set(votes_of(found).values())) == 1


def test_in_order_the_place_is_counted_from_the_latest_item_that_is_shared() -> None:
    # The current session went 1, then something else, which stands where the other had 2.
    found = near(made([9, 1, 2, 3]), 7, 1)
    votes = votes_of(found, in_order=True)
    assert votes[3] == votes[2] > votes[9]


def test_in_order_a_late_session_counts_more_than_an_early_one() -> None:
    found = near(made([1, 5], [1, 6]), 1)
    votes = votes_of(found, in_order=True)
    assert votes[6] > votes[5] > 0


def test_a_forgotten_item_is_in_no_session() -> None:
    neighbours = made([1, 2, 3], [2, 4])
    neighbours.forget(np.array([2], np.int32))
    assert held(near(neighbours, 1)) == [[1, 3]]
    assert held(near(neighbours, 4)) == [[4]]


@pytest.mark.parametrize("sessions", [0, 3, 40])
def test_likeness_is_what_a_plain_loop_computes(sessions: int) -> None:
    rng = np.random.default_rng(sessions)
    logs = [rng.permutation(12)[: rng.integers(1, 5)].tolist() for _ in range(sessions)]
    found = near(made(*logs, kept=50), 3, 1, 2)
    likeness = np.zeros(sessions)
    for lag, item in enumerate((3, 1, 2)):
        numbers = [number for number, log in enumerate(logs) if item in log]
        for number in numbers[-8:]:
            likeness[number] += 0.9**lag * np.log1p(sessions / len(numbers))
    likeness /= np.sqrt([len(log) + 1 for log in logs])
    expected = sorted(likeness[likeness > 0].tolist())
    assert sorted(found.likeness.tolist()) == pytest.approx(expected)
