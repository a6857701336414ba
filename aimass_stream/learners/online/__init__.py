"""Classifiers and regressors that learn record by record: declarations, and a state for both."""

from aimass_stream.learners.online.declarations import (
    KINDS,
    OnlineClassifier,
    OnlineLearner,
    OnlineRegressor,
)

__all__ = ["KINDS", "OnlineClassifier", "OnlineLearner", "OnlineRegressor"]
