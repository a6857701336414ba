"""Tasks whose models take a vector: what a chain makes of any record."""

from __future__ import annotations

from collections.abc import Mapping

from aimass_stream.adapters.tasks.task import TOP, Common, Setting, Task
from aimass_stream.records import Cluster, Estimate, Prediction
from aimass_stream.transforms.chain import Chain, chain_of

_HOME = "aimass_stream.adapters.estimator:"


class Vectors(Common, total=False):
    """Settings of every task on vectors."""

    before: Chain


class Classification(Vectors, total=False):
    """Settings of `classification`."""

    top: int


_BEFORE = Setting([], chain_of())

SKLEARN_TASKS: Mapping[str, Task] = {
    "classification": Task(_HOME + "EstimatedClass", Prediction, {"top": TOP, "before": _BEFORE}),
    "regression": Task(_HOME + "EstimatedNumber", Estimate, {"before": _BEFORE}),
    "clustering": Task(_HOME + "NearestCluster", Cluster, {"before": _BEFORE}),
}
"""Those of scikit-learn's estimators, by name."""
