"""What River's models are made of: the classes and functions that a snapshot of one may name.

Learnt by taking models apart that had split, drifted and forgotten. What is missing here stops a
snapshot with an error that names it; nothing that is named here can do more than hold numbers.
`getattr` is not here and must never be: whatever reaches it can call anything.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Mapping
from typing import Any

from river import optim, stats
from river.compose import Pipeline
from river.drift.adwin import (  # type: ignore[attr-defined]  # it is the extension's
    ADWIN,
    AdaptiveWindowing,
)
from river.ensemble import streaming_random_patches as patches
from river.forest import AMFClassifier, AMFRegressor, ARFClassifier, ARFRegressor
from river.forest import adaptive_random_forest as forest
from river.linear_model import LinearRegression, SoftmaxRegression
from river.metrics import MAE, MSE, Accuracy, ConfusionMatrix
from river.neighbors import KNNClassifier, KNNRegressor, LazySearch
from river.neighbors.lazy import (  # type: ignore[attr-defined]  # it is the extension's
    _euclidean_tuple_distance,
)
from river.optim.initializers import Zeros
from river.optim.losses import CrossEntropy, Squared
from river.optim.schedulers import Constant
from river.preprocessing import StandardScaler, TargetStandardScaler
from river.proba import Gaussian
from river.tree import (
    HoeffdingAdaptiveTreeClassifier,
    HoeffdingAdaptiveTreeRegressor,
    HoeffdingTreeClassifier,
    HoeffdingTreeRegressor,
)
from river.tree.mondrian import MondrianTreeClassifier, MondrianTreeRegressor
from river.tree.mondrian import mondrian_tree_nodes as mondrian
from river.tree.nodes import arf_htc_nodes, arf_htr_nodes, hatc_nodes, hatr_nodes
from river.tree.nodes.branch import NumericBinaryBranch
from river.tree.nodes.htc_nodes import LeafNaiveBayesAdaptive
from river.tree.nodes.htr_nodes import LeafAdaptive
from river.tree.splitter import GaussianSplitter, QOSplitter
from river.tree.splitter.qo_splitter import FeatureQuantizer, Slot
from river.utils import VectorDict

PARTS: tuple[Any, ...] = (
    ADWIN,
    # ADWIN's counts live in the extension, which lays them down as bytes.
    AdaptiveWindowing,
    AMFClassifier,
    AMFRegressor,
    ARFClassifier,
    ARFRegressor,
    Accuracy,
    ConfusionMatrix,
    Constant,
    CrossEntropy,
    FeatureQuantizer,
    Gaussian,
    GaussianSplitter,
    HoeffdingAdaptiveTreeClassifier,
    HoeffdingAdaptiveTreeRegressor,
    HoeffdingTreeClassifier,
    HoeffdingTreeRegressor,
    KNNClassifier,
    KNNRegressor,
    LazySearch,
    LeafAdaptive,
    LeafNaiveBayesAdaptive,
    LinearRegression,
    MAE,
    MSE,
    MondrianTreeClassifier,
    MondrianTreeRegressor,
    NumericBinaryBranch,
    Pipeline,
    QOSplitter,
    Slot,
    # A method that an object keeps as an attribute of its own.
    Slot._update_estimator_univariate,  # noqa: SLF001 - it is in the state
    SoftmaxRegression,
    Squared,
    StandardScaler,
    TargetStandardScaler,
    TargetStandardScaler._scale,  # noqa: SLF001 - likewise
    TargetStandardScaler._unscale,  # noqa: SLF001 - likewise
    VectorDict,
    Zeros,
    _euclidean_tuple_distance,
    arf_htc_nodes.RandomLeafNaiveBayesAdaptive,
    arf_htr_nodes.RandomLeafAdaptive,
    # By it SoftmaxRegression makes an optimizer for each label: the factory of a defaultdict. What
    # it copies is made of what is named here, and so is whatever it calls to copy that.
    copy.deepcopy,
    forest.BaseTreeClassifier,
    forest.BaseTreeRegressor,
    hatc_nodes.AdaLeafClassifier,
    hatc_nodes.AdaNumBinaryBranchClass,
    hatr_nodes.AdaLeafRegAdaptive,
    hatr_nodes.AdaNumBinaryBranchReg,
    mondrian.MondrianBranchClassifier,
    mondrian.MondrianBranchRegressor,
    mondrian.MondrianLeafClassifier,
    mondrian.MondrianLeafRegressor,
    optim.AdaGrad,
    optim.SGD,
    patches.BaseSRPClassifier,
    patches.BaseSRPRegressor,
    patches.SRPClassifier,
    patches.SRPRegressor,
    statistics.NormalDist,
    stats.Mean,
    stats.Var,
)

UNUSED: Mapping[type, frozenset[str]] = {Gaussian: frozenset({"_rng"})}
"""What a snapshot leaves out: every normal distribution carries 2.5 kB of a generator that is
seeded by nobody and draws nothing here."""
