"""Recommenders: the declaration in `recommender`, the state and its members beside it."""

from aimass_stream.learners.recommendation.recommender import Recommender
from aimass_stream.learners.recommendation.rules import Rules

__all__ = ["Recommender", "Rules"]
