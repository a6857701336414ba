"""The estimators of scikit-learn that may be kept: a table of classes and what each has learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Form(NamedTuple):
    """How a class is kept.

    Attributes:
        module: where scikit-learn has it.
        attributes: what it has learnt; those it does not have are left out.
        settle: sets what is not kept, and raises ValueError where attributes do not fit each
            other.
    """

    module: str
    attributes: tuple[str, ...]
    settle: Callable[[Any], None] = lambda estimator: None


def _linear(estimator: Any) -> None:
    coefficients = np.atleast_2d(estimator.coef_)
    if coefficients.shape[1] != estimator.n_features_in_:
        raise ValueError("coef_ has another number of columns")


def _centres(estimator: Any) -> None:
    centres = estimator.cluster_centers_
    if centres.dtype != np.float64 or centres.shape[1:] != (estimator.n_features_in_,):
        raise ValueError("cluster_centers_ has another number of columns")
    # Of the machine it was fitted on.
    estimator._n_threads = 1  # noqa: SLF001 - what `predict` reads


def _vectors(estimator: Any) -> None:
    """Libsvm believes what it is told about lengths, and where a kernel was computed before."""
    counts, vectors = estimator._n_support, estimator.support_vectors_  # noqa: SLF001 - libsvm's own
    columns, rows = estimator.n_features_in_, len(vectors)
    classes = len(estimator.classes_) if hasattr(estimator, "classes_") else 2
    pairs = classes * (classes - 1) // 2
    found = [
        estimator.kernel in {"linear", "poly", "rbf", "sigmoid"},
        vectors.shape == (rows, columns),
        estimator.support_.shape == (rows,),
        counts.shape == (classes,) and counts.min() >= 0,
        not hasattr(estimator, "classes_") or counts.sum() == rows,
        estimator._dual_coef_.shape == (classes - 1, rows),
        estimator._intercept_.shape == (pairs,),
        {len(estimator._probA), len(estimator._probB)} == {0},  # noqa: SLF001 - as above
    ]
    if not all(found):
        raise ValueError("the support vectors do not fit each other")


def _tree(estimator: Any) -> None:
    """A tree reads the columns it was fitted on, however many it is given."""
    if estimator.tree_.n_features != estimator.n_features_in_:
        raise ValueError("a tree has another number of columns")


def _forest(estimator: Any) -> None:
    if not all(
        hasattr(one, "tree_") and one.n_features_in_ == estimator.n_features_in_
        for one in estimator.estimators_
    ):
        raise ValueError("a forest's trees have another number of columns")


def _imputed(estimator: Any) -> None:
    estimator._fit_dtype = estimator._fill_dtype = np.dtype(np.float64)  # noqa: SLF001 - what `transform` reads


_LINEAR = ("coef_", "intercept_", "n_features_in_")
_CLASSES = ("classes_", *_LINEAR)
_SVM = (
    *("support_", "support_vectors_", "_n_support", "dual_coef_", "_dual_coef_", "intercept_"),
    *("_intercept_", "_probA", "_probB", "_gamma", "_sparse", "_effective_probability"),
    *("class_weight_", "shape_fit_", "fit_status_", "n_features_in_"),
)
_TREE = ("tree_", "n_outputs_", "max_features_", "n_features_in_")
_FOREST = ("estimators_", "n_outputs_", "n_features_in_")
_OF_CLASSES = ("classes_", "n_classes_")
_NEIGHBOURS = ("_fit_X", "_y", "classes_")

FORMS: Mapping[str, Form] = {
    "KMeans": Form("cluster", ("cluster_centers_", "n_features_in_"), _centres),
    "DecisionTreeClassifier": Form("tree", (*_TREE, *_OF_CLASSES), _tree),
    "DecisionTreeRegressor": Form("tree", _TREE, _tree),
    "ExtraTreesClassifier": Form("ensemble", (*_FOREST, *_OF_CLASSES), _forest),
    "ExtraTreesRegressor": Form("ensemble", _FOREST, _forest),
    "RandomForestClassifier": Form("ensemble", (*_FOREST, *_OF_CLASSES), _forest),
    "RandomForestRegressor": Form("ensemble", _FOREST, _forest),
    "ExtraTreeClassifier": Form("tree", (*_TREE, *_OF_CLASSES), _tree),
    "ExtraTreeRegressor": Form("tree", _TREE, _tree),
    "KNeighborsClassifier": Form("neighbors", _NEIGHBOURS),
    "KNeighborsRegressor": Form("neighbors", _NEIGHBOURS),
    "LinearRegression": Form("linear_model", _LINEAR, _linear),
    "LinearSVC": Form("svm", _CLASSES, _linear),
    "LinearSVR": Form("svm", _LINEAR, _linear),
    "LogisticRegression": Form("linear_model", _CLASSES, _linear),
    "Perceptron": Form("linear_model", _CLASSES, _linear),
    "Ridge": Form("linear_model", _LINEAR, _linear),
    "SVC": Form("svm", (*_SVM, "classes_"), _vectors),
    "SVR": Form("svm", _SVM, _vectors),
    "GaussianNB": Form(
        "naive_bayes", ("classes_", "theta_", "var_", "class_prior_", "n_features_in_")
    ),
    "PCA": Form(
        "decomposition",
        ("components_", "mean_", "explained_variance_", "n_components_", "n_features_in_"),
    ),
    "RFE": Form("feature_selection", ("support_", "n_features_", "ranking_", "n_features_in_")),
    "SelectKBest": Form("feature_selection", ("scores_", "pvalues_", "n_features_in_")),
    "VarianceThreshold": Form("feature_selection", ("variances_", "n_features_in_")),
    "MinMaxScaler": Form("preprocessing", ("scale_", "min_", "n_features_in_")),
    "Normalizer": Form("preprocessing", ("n_features_in_",)),
    "RobustScaler": Form("preprocessing", ("center_", "scale_", "n_features_in_")),
    "StandardScaler": Form("preprocessing", ("mean_", "scale_", "n_features_in_")),
    "SimpleImputer": Form("impute", ("statistics_", "indicator_", "n_features_in_"), _imputed),
}
"""By class."""

BY_FITTING = frozenset({"KNeighborsClassifier", "KNeighborsRegressor"})
"""Those that are fitted again when they are made: what they have learnt is the rows themselves."""
