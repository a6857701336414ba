"""What leads is what a look at all counts would find."""

import numpy as np
import pytest

from aimass_stream.learners.recommendation.popularity import Popularity


def leading(popularity: Popularity) -> dict[int, float]:
    ids, counts = popularity.leading()
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize("half_life", [10.0, 1e6])
def test_the_pool_holds_the_largest_counts(half_life: float) -> None:
    rng = np.random.default_rng(0)
    popularity = Popularity(half_life, pool=10)
    popularity.fit(60)
    counts = np.zeros(60)
    # Enough for a short half-life to pass the size at which counts are scaled down.
    for item in (rng.zipf(1.3, size=1_000) % 60).tolist():
        popularity.add(item)
        counts = counts * 0.5 ** (1 / half_life)
        counts[item] += 1
    top = np.sort(counts)[-10:]
    assert sorted(leading(popularity).values()) == pytest.approx(top.tolist())


def test_what_is_forgotten_makes_room_for_the_next() -> None:
    popularity = Popularity(1e9, pool=2)
    popularity.fit(4)
    for item in (0, 0, 0, 1, 1, 2):
        popularity.add(item)
    popularity.forget(np.array([0], np.int32))
    assert set(leading(popularity)) == {1, 2}
    popularity.add(3)
    popularity.add(3)
    assert set(leading(popularity)) == {1, 3}
