"""River's models behind one face: an array of probabilities or one number, and plain snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from river.ensemble import SRPClassifier, SRPRegressor
from river.forest import AMFClassifier, AMFRegressor, ARFClassifier, ARFRegressor
from river.linear_model import LinearRegression, SoftmaxRegression
from river.neighbors import KNNClassifier, KNNRegressor, LazySearch
from river.optim import SGD, AdaGrad
from river.preprocessing import StandardScaler, TargetStandardScaler
from river.tree import (
    HoeffdingAdaptiveTreeClassifier,
    HoeffdingAdaptiveTreeRegressor,
    HoeffdingTreeClassifier,
    HoeffdingTreeRegressor,
)
from river.tree.splitter import QOSplitter

from aimass_stream.learner import Snapshot
from aimass_stream.learners.features import LARGEST, Floats
from aimass_stream.learners.online.declarations import OnlineLearner, RiverKind
from aimass_stream.learners.online.examples import Numbers
from aimass_stream.learners.online.river_parts import PARTS, UNUSED
from aimass_stream.learners.river_codec import Codec

_CODEC = Codec(PARTS, UNUSED)
_GRACE_RECORDS = 50
_SPLIT_DELTA = 0.01


class RiverModel:
    """One of River's models.

    Args:
        learner: the declaration; its `kind` is one of River's.
        labels: that are told apart; 0 to estimate a number.
    """

    def __init__(self, learner: OnlineLearner[Any], labels: int) -> None:
        make = (_CLASSIFIERS if labels else _REGRESSORS)[learner.kind]  # type: ignore[index]  # by kind, checked when declared
        self._model = make(learner)
        self._labels = labels
        self._has_learnt = False

    def predict(self, numbers: Numbers) -> Floats:
        """`(labels,)` probabilities, all equal before anything is learnt; or `(1,)`, then 0."""
        # Some of River's models plant their trees when they are first asked.
        if not self._has_learnt:
            return np.full(self._labels, 1 / self._labels) if self._labels else np.zeros(1)
        if self._labels:
            return self._probabilities(numbers)
        found = float(self._model.predict_one(numbers))
        # A gradient step on an extreme record may overshoot all numbers.
        estimate: Floats = np.clip(np.nan_to_num(np.array([found])), -LARGEST, LARGEST)
        return estimate

    def learn(self, numbers: Numbers, target: float | int) -> None:
        """Learn a target."""
        self._model.learn_one(numbers, target)
        self._has_learnt = True

    def snapshot(self) -> Snapshot:
        """River's model as plain data."""
        data = {"river": _CODEC.encode(self._model), "has_learnt": self._has_learnt}
        return Snapshot({}, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Have the model that was laid down.

        Raises:
            ValueError: it is of another kind.
        """
        data = snapshot.data
        if "river" not in data:
            raise ValueError(f"a {data.get('kind', 'group')}, not a {type(self._model).__name__}")
        found = _CODEC.decode(data["river"])
        if type(found) is not type(self._model):
            raise ValueError(f"a {type(found).__name__}, not a {type(self._model).__name__}")
        self._model, self._has_learnt = found, data["has_learnt"]

    def _probabilities(self, numbers: Numbers) -> Floats:
        shares = np.zeros(self._labels)
        for label, share in self._model.predict_proba_one(numbers).items():
            shares[label] = share
        shares = np.maximum(np.nan_to_num(shares), 0)
        total = shares.sum()
        return shares / total if total > 0 else np.full(self._labels, 1 / self._labels)


def _tree(learner: OnlineLearner[Any]) -> dict[str, Any]:
    return {"max_depth": learner.tree_depth, "grace_period": _GRACE_RECORDS}


def _coarse_tree(learner: OnlineLearner[Any]) -> dict[str, Any]:
    """For numbers in spreads: a quarter of one is the finest cut, so a leaf's memory is bounded."""
    return {**_tree(learner), "splitter": QOSplitter(radius=0.25)}


def _forest(learner: OnlineLearner[Any]) -> dict[str, Any]:
    return {"n_models": learner.trees, "seed": learner.seed}


def _mondrian(learner: OnlineLearner[Any]) -> dict[str, Any]:
    return {
        "n_estimators": learner.trees,
        "max_nodes": learner.tree_nodes,
        "seed": learner.seed,
    }


def _near(learner: OnlineLearner[Any]) -> dict[str, Any]:
    return {
        "n_neighbors": learner.neighbours,
        "engine": LazySearch(window_size=learner.window_records),
    }


def _line(learner: OnlineLearner[Any]) -> Any:
    # Steps of AdaGrad are bounded whatever a record holds.
    line: Any = StandardScaler() | LinearRegression(optimizer=AdaGrad(learner.learning_rate))
    return TargetStandardScaler(regressor=line)


Make = Callable[[OnlineLearner[Any]], Any]

_CLASSIFIERS: Mapping[RiverKind, Make] = {
    "adaptive-random-forest": lambda one: ARFClassifier(**_forest(one), **_tree(one)),
    "hoeffding-tree": lambda one: HoeffdingAdaptiveTreeClassifier(**_tree(one), seed=one.seed),
    "linear": lambda one: StandardScaler() | SoftmaxRegression(optimizer=SGD(one.learning_rate)),
    # Split even where one label is all there is so far: it costs nodes, and is right more often.
    "mondrian-forest": lambda one: AMFClassifier(**_mondrian(one), split_pure=True),
    "nearest-neighbours": lambda one: StandardScaler() | KNNClassifier(**_near(one)),
    "random-patches": lambda one: SRPClassifier(
        model=HoeffdingTreeClassifier(**_tree(one), delta=_SPLIT_DELTA), **_forest(one)
    ),
}
_REGRESSORS: Mapping[RiverKind, Make] = {
    "adaptive-random-forest": lambda one: (
        StandardScaler() | ARFRegressor(**_forest(one), **_coarse_tree(one))
    ),
    "hoeffding-tree": lambda one: (
        StandardScaler() | HoeffdingAdaptiveTreeRegressor(**_coarse_tree(one), seed=one.seed)
    ),
    "linear": _line,
    "mondrian-forest": lambda one: AMFRegressor(**_mondrian(one)),
    "nearest-neighbours": lambda one: StandardScaler() | KNNRegressor(**_near(one)),
    "random-patches": lambda one: (
        StandardScaler()
        | SRPRegressor(
            model=HoeffdingTreeRegressor(**_coarse_tree(one), delta=_SPLIT_DELTA), **_forest(one)
        )
    ),
}
