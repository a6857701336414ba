"""Items by content: what is near, what changes, and what nobody has touched yet."""

import numpy as np
import pytest
from numpy.typing import NDArray

from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.learner import Event
from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.recommendation.content import Content
from aimass_stream.learners.recommendation.state import RecommenderState
from tests.learners.events import blobs, embedded, event_of

Singles = NDArray[np.float32]


def made(vectors: NDArray[np.floating], room: int = 4) -> Content:
    content = Content(vectors.shape[1], room)
    content.fit(len(vectors))
    for slot, vector in enumerate(vectors.astype(np.float32)):
        content.put(slot, vector)
    return content


def near(content: Content, slot: int) -> dict[int, float]:
    ids, votes = content.of(np.array([slot], np.int64), np.ones(1, np.float32))
    return {item: vote for item, vote in zip(ids.tolist(), votes.tolist(), strict=True) if vote}


def test_the_nearest_are_those_of_a_search_through_all() -> None:
    vectors, _ = blobs(60, 4, 16)
    content = made(vectors)
    cosines = vectors @ vectors[59]
    expected = [item for item in np.argsort(-cosines).tolist() if item != 59][:4]
    assert near(content, 59) == pytest.approx({item: cosines[item] for item in expected}, abs=1e-5)


def test_an_item_comes_into_the_rows_of_those_it_is_near_to() -> None:
    vectors = np.eye(3)[[0, 1, 2, 0]] + 0.01
    content = made(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), room=1)
    assert set(near(content, 0)) == {3}


def test_an_item_that_is_described_anew_leaves_its_old_neighbours() -> None:
    content = made(np.eye(4)[[0, 0, 1, 1]])
    content.put(1, np.eye(4, dtype=np.float32)[1])
    assert near(content, 0) == {}
    assert set(near(content, 1)) == {2, 3}


def test_a_forgotten_item_is_in_no_row() -> None:
    content = made(np.eye(4)[[0, 0, 0]])
    content.forget(np.array([1], np.int32))
    assert set(near(content, 0)) == {2}
    assert near(content, 1) == {}


def about(item: str, vector: NDArray[np.float64], *, by_key: bool = False) -> Event:
    if by_key:
        return event_of(0, embedded(vector), key=item)
    return event_of(0, {"item": item, **embedded(vector)}, key="shop")


def test_what_nobody_has_touched_is_shown_for_what_it_is_like() -> None:
    state = RecommenderState(Recommender("shop", dimensions=8).settings)
    vectors, kinds = blobs(40, 4, 8, spread=0.1)
    for item, vector in enumerate(vectors):
        state.learn([state.read(about(f"i{item}", vector, by_key=item % 2 == 0))])
    (first,) = np.flatnonzero(kinds == 2)[:1]
    event = state.read(event_of(0, {"user": "me", "kind": "view", "item": f"i{first}"}))
    (answer,) = state.score([event])
    assert answer is not None
    shown = [item for item in answer.items if item.item != f"i{first}"]
    assert shown
    assert {item.reason for item in shown} == {"alike"}
    assert {kinds[int(item.item[1:])] for item in shown} == {2}


def test_a_description_is_not_answered_and_one_that_cannot_be_read_is_refused() -> None:
    state = RecommenderState(Recommender("shop", dimensions=3).settings)
    described = state.read(about("i1", np.ones(3)))
    assert state.score([described]) == [None]
    for value in (
        {"item": "i1"},
        {"item": "", "category": "shoes"},
        {"category": "shoes"},
        {"user": "u1", "item": "i1", "category": "shoes"},
        {"item": "i1", **embedded(np.ones(4))},
        {"item": "i1", **embedded(np.zeros(3))},
    ):
        with pytest.raises(RecordError):
            state.read(event_of(0, value))


def test_embeddings_are_refused_where_none_are_declared() -> None:
    state = RecommenderState(Recommender("shop").settings)
    with pytest.raises(RecordError, match="0 dimensions"):
        state.read(about("i1", np.ones(3)))
    with pytest.raises(ConfigError, match="shop"):
        Recommender("shop", dimensions=-1)
