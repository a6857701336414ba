from typing import Any

import numpy as np
import pytest

from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.learner import Snapshot
from aimass_stream.learners.head_state import HeadState, evidence
from aimass_stream.learners.heads import Head
from aimass_stream.records import Prediction
from tests.learners.events import HOUR_MS, Floats, Ints, blobs, embedded, event_of

LABELS = ("refund", "delivery", "praise", "other")


def head(**settings: Any) -> tuple[HeadState, Head]:
    declared = Head("intent", LABELS, 32, **settings)
    return HeadState(declared.settings), declared


def teach(state: HeadState, points: Floats, which: Ints, labels: int) -> None:
    for i in range(labels):
        state.learn([state.read(event_of(2 * i, embedded(points[i])))])
        feedback = {"record": f"made-up/0/{2 * i}", "label": LABELS[which[i]]}
        state.learn([state.read(event_of(2 * i + 1, feedback))])


def answers_to(state: HeadState, points: Floats) -> list[Prediction]:
    answers = state.score([state.read(event_of(0, embedded(p))) for p in points])
    return [answer for answer in answers if answer is not None]


def accuracy(state: HeadState, points: Floats, which: Ints) -> float:
    answers = answers_to(state, points)
    return float(np.mean([a.label == LABELS[w] for a, w in zip(answers, which, strict=True)]))


def test_it_is_near_uniform_before_it_learns() -> None:
    state, _ = head()
    (answer,) = answers_to(state, blobs(1, 4, 32)[0])
    assert answer.label == "refund"
    assert answer.score == pytest.approx(0.25)
    assert list(answer.scores) == ["refund", "delivery", "praise"]


def test_fifty_labels_are_enough() -> None:
    state, _ = head()
    points, which = blobs(550, 4, 32, spread=1.0)
    teach(state, points, which, 50)
    assert accuracy(state, points[50:], which[50:]) > 0.9


def test_probabilities_are_calibrated() -> None:
    state, _ = head()
    points, which = blobs(1500, 4, 32, spread=2.5)
    teach(state, points, which, 500)
    answers = answers_to(state, points[500:])
    right = np.array([a.label == LABELS[w] for a, w in zip(answers, which[500:], strict=True)])
    assert abs(np.mean([a.score for a in answers]) - right.mean()) < 0.07


def test_a_correction_leaves_no_trace_of_the_first_label() -> None:
    points, which = blobs(40, 4, 32)
    corrected, _ = head()
    straight, _ = head()
    for state, first in ((corrected, (which + 1) % 4), (straight, which)):
        teach(state, points, first, 40)
    for i in range(40):
        feedback = {"record": f"made-up/0/{2 * i}", "label": LABELS[which[i]]}
        corrected.learn([corrected.read(event_of(99, feedback))])
    one, other = (state.snapshot().arrays["b"].astype(float) for state in (corrected, straight))
    np.testing.assert_allclose(one, other, atol=1e-12)
    assert corrected.counts == {"learnt": 40, "corrected": 40, "unmatched": 0}


def test_feedback_on_what_is_gone_is_counted_and_changes_nothing() -> None:
    state, _ = head(keep_records=3, keep_s=3600)
    points, _ = blobs(4, 4, 32)
    for i in range(4):
        state.learn([state.read(event_of(i, embedded(points[i])))])
    before = state.snapshot().arrays["a"]
    unknown = event_of(9, {"record": "made-up/0/77", "label": "other"})
    crowded_out = event_of(9, {"record": "made-up/0/0", "label": "other"})
    expired = event_of(9, {"record": "made-up/0/1", "label": "other"}, after_ms=HOUR_MS + 1)
    state.learn([state.read(event) for event in (unknown, crowded_out, expired)])
    assert state.counts["unmatched"] == 3
    np.testing.assert_array_equal(before, state.snapshot().arrays["a"])


def test_it_follows_labels_that_change_their_meaning() -> None:
    state, _ = head(half_life=50)
    points, which = blobs(600, 4, 32)
    teach(state, points[:200], which[:200], 200)
    teach(state, points[200:500], (which[200:500] + 1) % 4, 300)
    assert accuracy(state, points[500:], (which[500:] + 1) % 4) > 0.9


def test_evidence_is_the_probability_of_the_labels_up_to_a_constant() -> None:
    points, which = blobs(60, 4, 6, spread=1.5)
    rows, labels = np.asarray(points, float), np.eye(4)[which]

    def told(ridge: float) -> float:
        held = rows.T @ rows + ridge * np.eye(6)
        return evidence(held, rows.T @ labels, ridge, 60.0)

    def direct(ridge: float) -> float:
        # Labels are normal with mean 0; the scale of their noise is the most probable one.
        shape = np.eye(60) + rows @ rows.T / ridge
        noise = np.trace(labels.T @ np.linalg.solve(shape, labels)) / (60 * 4)
        return -2 * (60 * float(np.log(noise)) + float(np.linalg.slogdet(shape)[1]))

    assert told(0.1) - told(10.0) == pytest.approx(direct(0.1) - direct(10.0))
    assert abs(told(0.1) - told(10.0)) > 1


def near_each_other(rows: int) -> tuple[Floats, Ints]:
    """Classes that lie close together, as many encoders have them."""
    points, which = blobs(rows, 4, 32, spread=1.0)
    return points * 0.1 + 0.3, which


def test_how_strongly_weights_are_held_is_learnt() -> None:
    points, which = near_each_other(300)
    learns, fixed = head()[0], head(ridge=1.0)[0]
    for state in (learns, fixed):
        teach(state, points, which, 60)
    assert accuracy(learns, points[60:], which[60:]) > 0.9
    assert accuracy(learns, points[60:], which[60:]) > accuracy(fixed, points[60:], which[60:])


def test_weights_are_held_where_there_is_nothing_to_learn() -> None:
    points, which = blobs(100, 4, 32, spread=1.0)
    state, _ = head()
    teach(state, points, np.random.default_rng(0).permutation(which), 100)
    assert state.snapshot().data["ridge"] > 1
    assert head(ridge=0.5)[0].snapshot().data["ridge"] == 0.5


def test_long_embeddings_are_learnt_from() -> None:
    points, which = blobs(300, 4, 32, spread=1.0)
    for length in (1.0, 1e3, 1e5):
        state, _ = head()
        # Fewer labels than dimensions, so that the ridge alone keeps the weights apart.
        teach(state, points * length, which, 20)
        assert accuracy(state, points[20:] * length, which[20:]) > 0.8


def test_a_ridge_that_is_lost_in_rounding_is_not_chosen() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 32)) * 1e6
    labels = np.eye(4)
    a, b = rows.T @ rows, rows.T @ labels
    lost, held = (evidence(a + ridge * np.eye(32), b, ridge, 4.0) for ridge in (1e-4, 10.0))
    assert lost == -np.inf < held


def test_a_state_from_before_the_ridge_was_learnt_is_refused() -> None:
    state, _ = head()
    arrays, data = state.snapshot()
    del data["ridge"]
    with pytest.raises(ValueError, match="before the ridge was learnt"):
        state.restore(Snapshot(arrays, data))


@pytest.mark.parametrize(
    "value",
    [
        {"record": "made-up/0/1", "label": "unheard"},
        embedded(np.ones(31)),
        embedded(np.full(32, np.nan)),
        {"vector": "AAAA", "dimensions": 32},
    ],
)
def test_what_it_cannot_take_is_refused(value: dict[str, Any]) -> None:
    state, _ = head()
    with pytest.raises(RecordError):
        state.read(event_of(0, value))


@pytest.mark.parametrize(
    "settings", [{"labels": ("one",)}, {"labels": ("a", "a")}, {"dimensions": 0}, {"ridge": 0.0}]
)
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Head("h", **{"labels": ("a", "b"), "dimensions": 2, **settings})
