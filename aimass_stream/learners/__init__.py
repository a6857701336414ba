"""What learns from the stream: anomaly detectors, recommenders, heads and others.

Declarations, imported when first used. They import no learning library: the states that they name
do, and are imported in learner processes only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aimass_stream.learners.abuse import AbuseGuard
    from aimass_stream.learners.anomaly import (
        AutoencoderDetector,
        EnsembleDetector,
        ExtremesDetector,
        HalfSpaceTreesDetector,
        IsolationForestDetector,
        MahalanobisDetector,
        TailsDetector,
        ValueDetector,
        vector_ensemble,
    )
    from aimass_stream.learners.bandit import Bandit
    from aimass_stream.learners.clusters import Clusters
    from aimass_stream.learners.conversations import Conversations
    from aimass_stream.learners.dialogue import Dialogue, Form
    from aimass_stream.learners.frames import FrameWindows
    from aimass_stream.learners.gallery import Gallery
    from aimass_stream.learners.heads import Head
    from aimass_stream.learners.listener import Listener
    from aimass_stream.learners.online import OnlineClassifier, OnlineRegressor
    from aimass_stream.learners.proposer import Proposer
    from aimass_stream.learners.quality import QualityWatch
    from aimass_stream.learners.recommendation import Recommender, Rules
    from aimass_stream.learners.trajectories import Fence, TrajectoryDetector

_HOMES = {
    "AbuseGuard": "aimass_stream.learners.abuse",
    "AutoencoderDetector": "aimass_stream.learners.anomaly",
    "Bandit": "aimass_stream.learners.bandit",
    "Clusters": "aimass_stream.learners.clusters",
    "Conversations": "aimass_stream.learners.conversations",
    "Dialogue": "aimass_stream.learners.dialogue",
    "EnsembleDetector": "aimass_stream.learners.anomaly",
    "ExtremesDetector": "aimass_stream.learners.anomaly",
    "Fence": "aimass_stream.learners.trajectories",
    "Form": "aimass_stream.learners.dialogue",
    "FrameWindows": "aimass_stream.learners.frames",
    "Gallery": "aimass_stream.learners.gallery",
    "HalfSpaceTreesDetector": "aimass_stream.learners.anomaly",
    "Head": "aimass_stream.learners.heads",
    "IsolationForestDetector": "aimass_stream.learners.anomaly",
    "Listener": "aimass_stream.learners.listener",
    "MahalanobisDetector": "aimass_stream.learners.anomaly",
    "OnlineClassifier": "aimass_stream.learners.online",
    "OnlineRegressor": "aimass_stream.learners.online",
    "Proposer": "aimass_stream.learners.proposer",
    "QualityWatch": "aimass_stream.learners.quality",
    "Recommender": "aimass_stream.learners.recommendation",
    "Rules": "aimass_stream.learners.recommendation",
    "TailsDetector": "aimass_stream.learners.anomaly",
    "TrajectoryDetector": "aimass_stream.learners.trajectories",
    "ValueDetector": "aimass_stream.learners.anomaly",
    "vector_ensemble": "aimass_stream.learners.anomaly",
}

__all__ = [
    "AbuseGuard",
    "AutoencoderDetector",
    "Bandit",
    "Clusters",
    "Conversations",
    "Dialogue",
    "EnsembleDetector",
    "ExtremesDetector",
    "Fence",
    "Form",
    "FrameWindows",
    "Gallery",
    "HalfSpaceTreesDetector",
    "Head",
    "IsolationForestDetector",
    "Listener",
    "MahalanobisDetector",
    "OnlineClassifier",
    "OnlineRegressor",
    "Proposer",
    "QualityWatch",
    "Recommender",
    "Rules",
    "TailsDetector",
    "TrajectoryDetector",
    "ValueDetector",
    "vector_ensemble",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
