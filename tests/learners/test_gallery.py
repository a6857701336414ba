"""A gallery knows whom it was told of, nobody else, and nobody who was erased."""

import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest

from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.learners.gallery import Gallery
from aimass_stream.learners.gallery.events import Enrolled, Seen
from aimass_stream.learners.gallery.state import GalleryState
from aimass_stream.records import Match
from aimass_stream.testing.learners import stored
from tests.learners.events import HOUR_MS, Floats, embedded, event_of

SIZE = 64


def gallery(**settings: Any) -> GalleryState:
    return GalleryState(Gallery("people", SIZE, **{"threshold": 0.8, **settings}).settings)


def face(person: int, *, seed: int = 0, spread: float = 0.03) -> Floats:
    """A vector near the person's own."""
    own = np.random.default_rng(1_000 + person).normal(size=SIZE)
    return own / np.linalg.norm(own) + np.random.default_rng(seed).normal(size=SIZE) * spread


def tell(state: GalleryState, value: dict[str, Any], offset: int = 0, after_ms: int = 0) -> None:
    one = state.read(event_of(offset, value, after_ms=after_ms))
    state.score([one])
    state.learn([one])


def who(state: GalleryState, vector: Floats) -> Match:
    (answer,) = state.score([state.read(event_of(99, embedded(vector)))])
    assert answer is not None
    return answer


def enrol(person: int, seed: int = 0) -> dict[str, Any]:
    return {"enrol": f"p{person}", **embedded(face(person, seed=seed))}


def test_everyone_enrolled_is_recognised_and_nobody_else() -> None:
    state = gallery()
    for person in range(50):
        for seed in range(3):
            tell(state, enrol(person, seed))
    for person in range(50):
        answer = who(state, face(person, seed=77))
        assert answer.identity == f"p{person}"
        assert next(iter(answer.nearest)) == f"p{person}"
        assert len(answer.nearest) == 3
    assert [who(state, face(person)).identity for person in range(50, 80)] == [""] * 30


def test_an_embedding_is_held_once() -> None:
    people, dimensions = 200, 4_096
    state = GalleryState(Gallery("people", dimensions, threshold=0.8, embeddings=2).settings)
    vectors = np.eye(people, dimensions, dtype=np.float32)
    tracemalloc.start()
    try:
        # More than are kept, and answers between: each makes the array anew.
        for number, vector in enumerate([*vectors, *vectors, *vectors]):
            state.learn([Enrolled(f"p{number % people}", vector.copy())])
            if number % 50 == 0:
                state.score([Seen("r", vector, 0)])
        (answer,) = state.score([Seen("r", vectors[7], 0)])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer is not None
    assert answer.identity == "p7"
    assert held < 1.2 * (2 * people * dimensions * 4)


def test_a_record_that_was_seen_is_enrolled_by_its_name() -> None:
    state = gallery()
    tell(state, embedded(face(1)), offset=7)
    assert who(state, face(1)) == Match("", -1.0, 0.8)
    tell(state, {"record": "made-up/0/7", "label": "anna"}, offset=8)
    assert who(state, face(1, seed=5)).identity == "anna"


def test_who_was_erased_is_unknown_at_once_and_in_the_next_snapshot() -> None:
    state = gallery()
    tell(state, enrol(1))
    tell(state, enrol(2))
    tell(state, {"erase": "p1"})
    assert who(state, face(1)).identity == ""
    assert who(state, face(2)).identity == "p2"
    laid_down = state.snapshot()
    assert laid_down.data["owners"] == ["p2"]
    assert len(laid_down.arrays["vectors"]) == 1
    restored = gallery()
    restored.restore(stored(laid_down))
    assert who(restored, face(1)).identity == ""
    assert who(restored, face(2)) == who(state, face(2))
    tell(restored, {"erase": "nobody"})
    assert restored.counts["identities"] == 1


def test_naming_what_does_not_wait_is_counted_and_changes_nothing() -> None:
    state = gallery(keep_records=2, keep_s=3600)
    for offset in range(3):
        tell(state, embedded(face(offset)), offset=offset)
    tell(state, {"record": "made-up/0/0", "label": "anna"})
    tell(state, {"record": "made-up/0/1", "label": "anna"}, after_ms=HOUR_MS + 1)
    assert state.counts == {"identities": 0, "unmatched": 2, "refused": 0}


def test_bounds_forget_old_embeddings_and_never_an_identity() -> None:
    state = gallery(identities=2, embeddings=2)
    for person in (1, 2, 3):
        tell(state, enrol(person))
    assert state.counts == {"identities": 2, "unmatched": 0, "refused": 1}
    assert who(state, face(3)).identity == ""
    for seed in range(5):
        tell(state, enrol(1, seed))
    assert state.snapshot().data["owners"] == ["p1", "p1", "p2"]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"erase": " "},
        {"enrol": "anna"},
        {"enrol": "", **embedded(np.ones(SIZE))},
        {"enrol": "a" * 201, **embedded(np.ones(SIZE))},
        embedded(np.ones(SIZE - 1)),
        embedded(np.zeros(SIZE)),
        embedded(np.full(SIZE, np.inf)),
        {"record": "made-up", "label": "anna"},
        {"erase": 7},
    ],
)
def test_what_it_cannot_take_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        gallery().read(event_of(0, value))


@pytest.mark.parametrize(
    "settings", [{"dimensions": 0}, {"threshold": 1.5}, {"top": 0}, {"keep_s": 0.0}]
)
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Gallery("g", **{"dimensions": 4, "threshold": 0.5, **settings})


def test_an_answer_survives_json() -> None:
    state = gallery()
    tell(state, enrol(1))
    answer = who(state, face(1))
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Match) == answer
