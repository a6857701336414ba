"""Online learners learn what they are told at once or later, and refuse what cannot be."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from aimass_stream.errors import ConfigError, RecordError
from aimass_stream.learner import Learner
from aimass_stream.learners.online import KINDS, OnlineClassifier, OnlineRegressor
from aimass_stream.learners.online.declarations import REFITTED
from aimass_stream.learners.online.state import ClassifierState, RegressorState
from aimass_stream.records import Estimate, Prediction
from tests.learners.events import HOUR_MS, event_of

QUICK: dict[str, Any] = {"trees": 3, "window_records": 100, "refit_trees": 10}
ONLY_OUT = {"out": 1.0, "in": 0.0}
LIBRARY: dict[str, Any] = {
    "decision-tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "extra-trees": lambda seed: ExtraTreesClassifier(10, min_samples_leaf=2, random_state=seed),
    "random-forest": lambda seed: RandomForestClassifier(10, min_samples_leaf=2, random_state=seed),
    "regression": lambda _: make_pipeline(StandardScaler(), LogisticRegression()),
}
LINES = ("linear", "perceptron", "regression")


def classifier(**settings: Any) -> ClassifierState:
    shape: dict[str, Any] = {} if "fields" in settings else {"dimensions": 2}
    declared = OnlineClassifier("c", labels=("in", "out"), **QUICK, **shape, **settings)
    return ClassifierState(declared.settings)


def regressor(**settings: Any) -> RegressorState:
    return RegressorState(OnlineRegressor("r", dimensions=2, **QUICK, **settings).settings)


def ring(rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Points, and whether they lie within a circle that holds half of them."""
    points = np.random.default_rng(seed).normal(size=(rows, 2))
    inside = (points**2).sum(axis=1) < 2 * np.log(2)
    return [
        {"x": point.tolist(), "label": "in" if is_in else "out"}
        for point, is_in in zip(points, inside, strict=True)
    ]


def answers(state: ClassifierState | RegressorState, values: Sequence[dict[str, Any]]) -> list[Any]:
    """Answers in turn, each record learnt behind its own."""
    found: list[Any] = []
    for i, value in enumerate(values):
        one = state.read(event_of(i, value))
        found += state.score([one])
        state.learn([one])
    return found


def accuracy(found: list[Prediction], values: list[dict[str, Any]]) -> float:
    pairs = zip(found, values, strict=True)
    return float(np.mean([answer.label == value["label"] for answer, value in pairs]))


@pytest.mark.parametrize("kind", sorted({*KINDS, "voting", "stacking"}.difference(LINES)))
def test_every_kind_learns_what_no_line_can_tell(kind: Any) -> None:
    values = ring(500)
    assert accuracy(answers(classifier(kind=kind), values)[250:], values[250:]) > 0.8


@pytest.mark.parametrize("kind", LINES)
def test_a_line_is_learnt_from_few_labels(kind: Any) -> None:
    values = [{"x": one["x"], "label": "in" if one["x"][0] > 0 else "out"} for one in ring(200)]
    assert accuracy(answers(classifier(kind=kind), values)[50:], values[50:]) > 0.9


@pytest.mark.parametrize("kind", sorted({*KINDS, "voting", "stacking"} - {"perceptron"}))
def test_every_kind_estimates(kind: Any) -> None:
    values = [{"x": one["x"], "value": 100 + 30 * one["x"][0]} for one in ring(400)]
    found: list[Estimate] = answers(regressor(kind=kind), values)
    wrong = [one.value - value["value"] for one, value in zip(found, values, strict=True)]
    # Half of the spread of the values around their mean, which is 30.
    assert np.sqrt(np.mean(np.square(wrong[200:]))) < 15


@pytest.mark.parametrize(("keep", "first"), [(10_000, 0), (50, 46)])
@pytest.mark.parametrize(("kind", "fit"), LIBRARY.items())
def test_what_is_refitted_answers_as_the_library_does(
    kind: Any, fit: Any, keep: int, first: int
) -> None:
    values = ring(120)
    state = classifier(kind=kind, fit_records=keep)
    answers(state, values[:100])
    # Of a hundred records the last fit is the one at 96, in force from 97 on.
    rows = np.array([one["x"] for one in values])
    seen = slice(first, 96)
    said = fit(96).fit(rows[seen], [one["label"] for one in values[seen]])
    found = [answer.scores for answer in state.score(questions(state, values[100:])) if answer]
    for one, expected in zip(found, said.predict_proba(rows[100:]).tolist(), strict=True):
        assert one == pytest.approx(dict(zip(said.classes_.tolist(), expected, strict=True)))


def questions(state: ClassifierState, values: list[dict[str, Any]]) -> list[Any]:
    return [state.read(event_of(1_000 + i, {"x": one["x"]})) for i, one in enumerate(values)]


@pytest.mark.parametrize("kind", REFITTED)
def test_one_label_is_all_that_is_known(kind: Any) -> None:
    values = [{**one, "label": "out"} for one in ring(20)]
    assert answers(classifier(kind=kind), values)[-1] == Prediction("out", 1.0, ONLY_OUT)


def test_stacking_trusts_the_member_that_knows() -> None:
    values = ring(600)
    stacked = classifier(kind="stacking", members=("linear", "nearest-neighbours"))
    voting = classifier(kind="voting", members=("linear", "nearest-neighbours"))
    answers(stacked, values)
    trust = stacked.snapshot().data["model"]["trust"]
    assert trust[1] > 0.5 > trust[0]
    assert loss(stacked, ring(200, seed=1)) < loss(voting, ring(200, seed=1))


def loss(state: ClassifierState, values: list[dict[str, Any]]) -> float:
    found = answers(state, values)
    pairs = zip(found, values, strict=True)
    return float(np.mean([-np.log(max(one.scores[value["label"]], 1e-6)) for one, value in pairs]))


def test_before_it_learns_all_labels_are_equal() -> None:
    (answer,) = answers(classifier(), [{"x": [1.0, 2.0]}])
    assert answer == Prediction("in", 0.5, {"in": 0.5, "out": 0.5})
    assert answers(regressor(), [{"x": [1.0, 2.0]}]) == [Estimate({"value": 0.0})]


def test_a_label_that_comes_later_teaches_the_same() -> None:
    values = ring(60)
    at_once, later = classifier(kind="hoeffding-tree"), classifier(kind="hoeffding-tree")
    answers(at_once, values)
    for i, value in enumerate(values):
        later.learn([later.read(event_of(i, {"x": value["x"]}))])
    for i, value in enumerate(values):
        told = {"record": f"made-up/0/{i}", "label": value["label"]}
        one = later.read(event_of(100 + i, told))
        assert later.score([one]) == [None]
        later.learn([one])
    assert later.snapshot().data["model"] == at_once.snapshot().data["model"]
    assert later.counts == {"learnt": 60, "unmatched": 0}


def test_feedback_on_what_does_not_wait_changes_nothing() -> None:
    state = classifier(keep_records=2, keep_s=3600, kind="linear")
    for i in range(3):
        state.learn([state.read(event_of(i, {"x": [1.0, i]}))])
    before = state.snapshot().data["model"]
    told = {"label": "out"}
    for record, after_ms in (("made-up/0/0", 0), ("made-up/9/9", 0), ("made-up/0/1", HOUR_MS + 1)):
        state.learn([state.read(event_of(9, {"record": record, **told}, after_ms=after_ms))])
    assert state.snapshot().data["model"] == before
    assert state.counts == {"learnt": 0, "unmatched": 3}
    state.learn([state.read(event_of(9, {"record": "made-up/0/2", **told}))])
    assert state.counts["learnt"] == 1


def test_numbers_are_found_by_name() -> None:
    named, listed = classifier(fields=("a", "b"), kind="linear"), classifier(kind="linear")
    for i, value in enumerate(ring(20)):
        by_name = dict(zip(("b", "a"), reversed(value["x"]), strict=True))
        one = named.read(event_of(i, {**by_name, "label": value["label"], "beside": "this"}))
        assert one == listed.read(event_of(i, value))


@pytest.mark.parametrize(
    "value",
    [
        {"x": [1.0]},
        {"x": [1.0, "2"]},
        {"x": [1.0, True]},
        {"x": [1.0, 1e31]},
        {"x": [1.0, None]},
        {"x": [1.0, 2.0], "label": "unheard"},
        {"x": [1.0, 2.0], "label": 1},
        {"record": "made-up/0/1", "label": "unheard"},
        {"record": "made-up", "label": "in"},
        {"label": "in"},
    ],
)
def test_what_it_cannot_take_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        classifier().read(event_of(0, value))


@pytest.mark.parametrize("label", ["much", "nan", "inf", "1e31"])
def test_a_number_as_feedback_must_be_one(label: str) -> None:
    with pytest.raises(RecordError):
        regressor().read(event_of(0, {"record": "made-up/0/1", "label": label}))


@pytest.mark.parametrize(
    "settings",
    [
        {"dimensions": 0},
        {"fields": ("a",)},
        {"dimensions": 0, "fields": ("a", "a")},
        {"dimensions": 0, "fields": ("a", "label")},
        {"target": "x"},
        {"kind": "oracle"},
        {"members": ("linear",)},
        {"members": ("linear", "stacking")},
        {"labels": ("one",)},
        {"trees": 0},
        {"learning_rate": 0.0},
        {"keep_s": 0.0},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        OnlineClassifier("c", **{"labels": ("a", "b"), "dimensions": 2, **settings})


@pytest.mark.parametrize(
    ("laid_down", "restored"),
    [
        ("linear", "hoeffding-tree"),
        ("linear", "extra-trees"),
        ("extra-trees", "linear"),
        ("extra-trees", "random-forest"),
    ],
)
def test_a_snapshot_of_another_kind_is_refused(laid_down: Any, restored: Any) -> None:
    snapshot = classifier(kind=laid_down).snapshot()
    with pytest.raises(ValueError, match="not a"):
        classifier(kind=restored).restore(snapshot)
    pair = {"kind": "voting", "members": ("mondrian-forest", laid_down)}
    snapshot = classifier(**pair).snapshot()
    with pytest.raises(ValueError, match="not a"):
        classifier(**{**pair, "members": ("mondrian-forest", restored)}).restore(snapshot)


def test_a_perceptron_estimates_no_number() -> None:
    with pytest.raises(ConfigError, match="perceptron"):
        regressor(kind="voting", members=("perceptron", "linear"))


def test_answers_are_of_the_declared_type() -> None:
    declared: list[Learner[Any]] = [
        OnlineClassifier("c", labels=("a", "b"), dimensions=1),
        OnlineRegressor("r", dimensions=1),
    ]
    assert [one.answer_type for one in declared] == [Prediction, Estimate]
