"""The protocols of the recommender's benchmark, on data small enough to count by hand."""

from pathlib import Path

import orjson
import pytest

from benchmarks.learning.recommend.cold import tell
from benchmarks.learning.recommend.events import Liked, place_of
from benchmarks.learning.recommend.partitions import compare, regrouped
from benchmarks.learning.recommend.protocols import feed, sessions
from benchmarks.learning.recommend.rules import Variety
from benchmarks.learning.recommend.tally import Favourites, Tally


def test_equal_items_share_the_middle_rank_and_a_new_one_has_none() -> None:
    favourites = Favourites(users=2, items=5)
    for item in (0, 0, 1, 2, 3):
        favourites.add(0, item)
    assert favourites.rank(1, 0) == 1
    assert [favourites.rank(1, item) for item in (1, 2, 3)] == [3, 3, 3]
    assert favourites.rank(1, 4) == float("inf")


def test_what_the_user_has_had_is_not_ranked() -> None:
    favourites = Favourites(users=2, items=3)
    for user, item in ((0, 0), (0, 0), (0, 1), (1, 0)):
        favourites.add(user, item)
    assert favourites.rank(1, 1) == 1
    assert favourites.rank(1, 0) == float("inf")


def test_a_rank_counts_within_the_list_only() -> None:
    tally = Tally()
    for rank in (1.0, 2.0, 10.5, float("inf")):
        tally.add_rank(rank, within=10)
    assert tally.shares == (0.5, 0.375)


def test_the_feed_is_asked_before_it_is_told_and_new_items_are_misses(tmp_path: Path) -> None:
    # Everybody has a, b and c in this order; a rating below 4 is no event.
    rows = [
        f"{user},{item},{rating},{user * 100 + place}"
        for user in range(30)
        for place, (item, rating) in enumerate([("a", 5), ("x", 3), ("b", 4), ("c", 4.5)])
    ]
    (tmp_path / "ratings.csv").write_text("\n".join(["userid,movieid,rating,timestamp", *rows]))
    found = feed(tmp_path, 1.0)
    # Three items are known to nobody at first: the first user's three events are misses.
    assert found["feed_hr10"] == pytest.approx(1 - 3 / 90)
    assert found["feed_mrr10"] > 0.9
    assert found["feed_popular_hr10"] == pytest.approx(1 - 3 / 90)
    # Equal counts stand at the middle rank: a at 2, then b at 1.5, then c at 1.
    assert found["feed_popular_mrr10"] == pytest.approx(29 * (1 / 2 + 1 / 1.5 + 1) / 90)


def test_sessions_are_learnt_in_order_and_asked_by_prefix(tmp_path: Path) -> None:
    train = [[1, 2, 3]] * 20 + [[4, 5, 6]] * 20
    tests = [{"seen": [1, 2], "next": 3}, {"seen": [4], "next": 5}, {"seen": [4], "next": 99}]
    for name, lines in (("train", train), ("test", tests)):
        (tmp_path / f"some_{name}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    found = sessions(tmp_path, 1.0)
    assert found["session_p20"] == pytest.approx(2 / 3)
    assert found["session_mrr20"] == pytest.approx(2 / 3, abs=0.2)
    assert found["session_popular_p20"] == pytest.approx(2 / 3)


def test_a_curve_is_of_parts_in_order() -> None:
    tally = Tally()
    for rank in (1.0, 2.0, 11.0, 12.0):
        tally.add_rank(rank, within=10)
    assert tally.curve(2) == [1.0, 0.0]


def test_partitions_are_read_in_turns_and_keeps_each_user_in_order() -> None:
    liked = [Liked(number, f"u{number % 7}", f"i{number}") for number in range(100)]
    log = regrouped(liked, 4, 20)
    assert sorted(log) == sorted(liked)
    assert log != liked
    assert sorted(log[:20]) == liked[:20]
    assert [place_of(event.user, 4) for event in log[:20]] == sorted(
        place_of(event.user, 4) for event in liked[:20]
    )
    for user in {event.user for event in liked}:
        own = [event.time_s for event in log if event.user == user]
        assert own == sorted(own)


def test_a_shared_log_of_four_partitions_is_as_good_as_one() -> None:
    # Everybody goes through one of eight chains of items; a state of its own knows a quarter.
    liked = [
        Liked(place * 1000 + user, f"u{user}", f"c{user % 8}-{place}")
        for place in range(8)
        for user in range(48)
    ]
    found = compare(liked, windows=[32])
    one = found["one partition"]["hr10"]
    assert found["one log, windows of 32"]["hr10"] >= 0.97 * one
    assert found["a state each"]["hr10"] < 0.97 * one


def test_variety_is_by_users_and_what_the_user_had_is_a_repeat() -> None:
    liked = [Liked(0, user, item) for user, item in ("pa", "pb", "qa", "qb", "rc")]
    variety = Variety(liked)
    variety.watch(Liked(0, "p", "a"), ["a", "b"])
    assert variety.measures == {"difference": pytest.approx(0), "items_shown": 2, "repeats": 0}
    variety.watch(Liked(0, "p", "b"), ["a", "c"])
    assert variety.measures == {"difference": pytest.approx(0.5), "items_shown": 3, "repeats": 1}


def test_questions_are_touched_only_once_they_are_published() -> None:
    texts = [f"word{number % 15} thing{number} place{number % 90}" for number in range(450)]
    published: set[str] = set()
    for action, fresh in tell(texts, 200):
        published.update(one.item for one in fresh)
        assert action.item in published
    assert len(published) > 400
