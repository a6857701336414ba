"""Clusters of embeddings that keep their ids: the declaration, and its state beside it."""

from aimass_stream.learners.clusters.declaration import Clusters

__all__ = ["Clusters"]
