"""Estimators of scikit-learn, fitted on a window of records, that answer one record at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from aimass_stream.learners.features import LARGEST, Floats
from aimass_stream.learners.flat_trees import FlatTrees
from aimass_stream.learners.online.declarations import OnlineLearner, RefittedKind

_STEPS = 1_000
_ROUNDS = 50
_MISTAKES_COST = 10.0
_MOST_VECTORS = 4_000
"""Records that support vectors are looked for in: a fit costs more than the square of them."""

_LEAF_RECORDS = 2
"""In a forest's leaf: two keep its shares from being all or nothing, and halve its trees."""


class Fitted(Protocol):
    """What was fitted, and answers."""

    def __call__(self, numbers: Floats) -> Floats:
        """`(labels,)` probabilities, or `(1,)` with the estimate, of a record's `(numbers,)`."""
        ...


def fit(learner: OnlineLearner[Any], labels: int, window: NDArray[Any], seed: int) -> Fitted:
    """Fit the kind that a declaration names.

    Args:
        learner: the declaration.
        labels: that are told apart; 0 to estimate a number.
        window: `(records, numbers + 1)` float64, the target last: a label's index, or a number.
        seed: the same gives the same.
    """
    if learner.kind == "support-vectors":
        window = window[-_MOST_VECTORS:]
    rows, targets = window[:, :-1], window[:, -1]
    if (targets == targets[0]).all():
        return _Known(_only(int(targets[0]), labels) if labels else targets[:1].copy())
    make = (_CLASSIFIERS if labels else _REGRESSORS)[learner.kind]  # type: ignore[index]  # by kind, checked when declared
    fitted = make(learner, seed).fit(rows, targets.astype(np.int64) if labels else targets)
    if hasattr(fitted, "estimators_"):
        return _Forest(fitted, labels)
    return partial(_shares, fitted, labels) if labels else partial(_number, fitted)


class _Known:
    """One answer to all records, of a window whose targets are all the same."""

    def __init__(self, answer: Floats) -> None:
        self._answer = answer

    def __call__(self, numbers: Floats) -> Floats:
        """The answer."""
        del numbers
        return self._answer


class _Forest:
    """The mean of a forest's leaves."""

    def __init__(self, fitted: Any, labels: int) -> None:
        trees = [estimator.tree_ for estimator in fitted.estimators_]
        self._trees = FlatTrees(trees)
        values = np.concatenate([tree.value[:, 0, :] for tree in trees])
        if labels:
            self._values = np.zeros((len(values), labels))
            self._values[:, fitted.classes_] = values / values.sum(axis=1, keepdims=True)
        else:
            self._values = values

    def __call__(self, numbers: Floats) -> Floats:
        """Shares of labels, or the number."""
        (leaves,) = self._trees.leaves(numbers[None].astype(np.float32))
        mean: Floats = self._values[leaves].mean(axis=0)
        return mean


def _shares(fitted: Any, labels: int, numbers: Floats) -> Floats:
    """Probabilities; where there are none, shares made of the distances from the boundaries."""
    if hasattr(fitted, "predict_proba"):
        (known,) = fitted.predict_proba(numbers[None])
    else:
        # A record may lie beyond all numbers on the scale of those it was fitted on.
        far = np.nan_to_num(np.atleast_1d(fitted.decision_function(numbers[None])[0]))
        far = np.clip(far, -LARGEST, LARGEST)
        far = np.array([-far[0], far[0]]) if len(far) == 1 else far
        powers = np.exp(2 * (far - far.max()))
        known = powers / powers.sum()
    shares = np.zeros(labels)
    shares[fitted.classes_] = known
    return shares


def _number(fitted: Any, numbers: Floats) -> Floats:
    found: Floats = np.asarray(fitted.predict(numbers[None]), np.float64)
    return found


def _only(label: int, labels: int) -> Floats:
    shares = np.zeros(labels)
    shares[label] = 1.0
    return shares


def _scaled(estimator: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


def _forest(learner: OnlineLearner[Any], seed: int) -> dict[str, Any]:
    return {
        "n_estimators": learner.refit_trees,
        "min_samples_leaf": _LEAF_RECORDS,
        "random_state": seed,
    }


Make = Callable[[OnlineLearner[Any], int], Any]

_CLASSIFIERS: Mapping[RefittedKind, Make] = {
    "decision-tree": lambda _, seed: DecisionTreeClassifier(random_state=seed),
    "extra-trees": lambda one, seed: ExtraTreesClassifier(**_forest(one, seed)),
    # Averaged over its steps: the last of them alone is as good as the record it ended on.
    "perceptron": lambda _, seed: _scaled(
        SGDClassifier(
            loss="perceptron",
            penalty=None,
            learning_rate="constant",
            eta0=1.0,
            average=True,
            max_iter=_ROUNDS,
            tol=None,
            random_state=seed,
        )
    ),
    "random-forest": lambda one, seed: RandomForestClassifier(**_forest(one, seed)),
    "regression": lambda _one, _seed: _scaled(LogisticRegression(max_iter=_STEPS)),
    "support-vectors": lambda _one, _seed: _scaled(SVC(C=_MISTAKES_COST)),
}
_REGRESSORS: Mapping[RefittedKind, Make] = {
    "decision-tree": lambda _, seed: DecisionTreeRegressor(random_state=seed),
    "extra-trees": lambda one, seed: ExtraTreesRegressor(**_forest(one, seed)),
    "random-forest": lambda one, seed: RandomForestRegressor(**_forest(one, seed)),
    "regression": lambda _one, _seed: _scaled(Ridge()),
    "support-vectors": lambda _one, _seed: TransformedTargetRegressor(
        _scaled(SVR(C=_MISTAKES_COST)), transformer=StandardScaler(), check_inverse=False
    ),
}
