"""Clusters are found without labels, keep their ids, and say when they change."""

from typing import Any

import numpy as np
import pytest

from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.learners.clusters import Clusters
from aimass_stream.learners.clusters.state import ClustersState
from aimass_stream.learners.clusters.transitions import follow
from aimass_stream.records import ClusterChange, TrackedCluster
from aimass_stream.testing.learners import stored
from tests.learners.events import Floats, Ints, embedded, event_of

SMALL: dict[str, Any] = {"window_records": 200, "refit_records": 100, "least_records": 10}
CENTRES = np.eye(8)[:5] * 4


def clusters() -> ClustersState:
    return ClustersState(Clusters("c", 8, **SMALL).settings)


def drawn(groups: list[int], rows: int, seed: int = 0) -> tuple[Floats, Ints]:
    rng = np.random.default_rng(seed)
    which = rng.choice(groups, rows)
    return CENTRES[which] + rng.normal(size=(rows, 8)) * 0.3, which


def run(state: ClustersState, points: Floats, block: int = 10) -> list[TrackedCluster]:
    found: list[TrackedCluster] = []
    for at in range(0, len(points), block):
        inputs = [state.read(event_of(at, embedded(p))) for p in points[at : at + block]]
        found += state.score(inputs)
        state.learn(inputs)
    return found


def names(found: list[TrackedCluster], which: Ints) -> dict[int, set[int]]:
    """The ids that the records of each group were given."""
    pairs = list(zip(which.tolist(), found, strict=True))
    return {group: {one.cluster for at, one in pairs if at == group} for group in set(which)}


def changes(found: list[TrackedCluster]) -> list[ClusterChange]:
    return [change for one in found for change in one.changes]


def test_groups_are_found_and_keep_their_ids_over_many_drawings() -> None:
    state = clusters()
    points, which = drawn([0, 1, 2], 1_000)
    found = run(state, points)
    assert all(one.cluster == 0 for one in found[:100])
    settled = names(found[100:], which[100:])
    ids = [next(iter(ones - {0})) for ones in settled.values()]
    assert all(len(ones - {0}) == 1 for ones in settled.values())
    assert sorted(ids) == [1, 2, 3]
    assert np.mean([one.cluster == 0 for one in found[100:]]) < 0.1
    assert [change.kind for change in changes(found)] == ["new"] * 3


def test_what_is_like_nothing_before_belongs_to_none() -> None:
    state = clusters()
    run(state, drawn([0, 1], 200)[0])
    (stranger,) = state.score([state.read(event_of(0, embedded(CENTRES[4])))])
    assert stranger.cluster == 0
    assert stranger.distance > 1.5


def test_a_group_that_comes_is_new_and_one_that_stays_away_is_gone() -> None:
    state = clusters()
    points, which = drawn([0, 1], 400)
    before = names(run(state, points)[100:], which[100:])
    later, others = drawn([1, 2], 500, seed=1)
    found = run(state, later)
    after = names(found[300:], others[300:])
    assert after[1] - {0} == before[1] - {0}
    assert not (after[2] & (before[0] | before[1])) - {0}
    said = changes(found)
    assert ClusterChange("new", [], [3]) in said
    assert ClusterChange("gone", sorted(before[0] - {0}), []) in said


def test_groups_that_grow_together_are_merged_and_one_that_parts_is_split() -> None:
    one, two = np.repeat([1, 2], 50), np.full(100, 1)
    merged = follow(one, two - 1, np.array([1, 2]), 1, 3)
    assert merged.changes == [ClusterChange("merged", [1, 2], [1])]
    assert merged.ids.tolist() == [1]
    split = follow(two, one - 1, np.array([1]), 2, 3)
    assert split.ids.tolist() == [3, 4]
    assert split.changes == [ClusterChange("split", [1], [3, 4])]
    uneven = follow(two, np.repeat([0, 1], [70, 30]), np.array([1]), 2, 3)
    assert uneven.ids.tolist() == [1, 3]
    assert uneven.changes == [ClusterChange("split", [1], [1, 3])]
    assert uneven.next_id == 4


def test_an_id_is_never_given_to_another() -> None:
    gone = follow(np.full(50, 7), np.full(50, -1), np.array([7]), 0, 8)
    assert gone.changes == [ClusterChange("gone", [7], [])]
    back = follow(np.zeros(50, np.int64), np.zeros(50, np.int64), np.array([], np.int64), 1, 8)
    assert back.ids.tolist() == [8]


def test_ids_outlive_a_restart() -> None:
    points, _ = drawn([0, 1, 2], 400)
    whole = clusters()
    expected = run(whole, points)
    first, second = clusters(), clusters()
    run(first, points[:250])
    second.restore(stored(first.snapshot()))
    assert run(second, points[250:]) == expected[250:]


def test_what_it_cannot_take_is_refused() -> None:
    state = clusters()
    for value in (embedded(np.ones(7)), embedded(np.full(8, np.nan)), {"vector": "AAAA"}):
        with pytest.raises(RecordError):
            state.read(event_of(0, value))


@pytest.mark.parametrize(
    "settings", [{"dimensions": 0}, {"least_records": 1}, {"window_records": 20}, {"reach": 0.0}]
)
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Clusters("c", **{"dimensions": 8, **settings})
