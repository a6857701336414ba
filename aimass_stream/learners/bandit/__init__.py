"""A contextual bandit, taught by rewards that come later: the declaration, and its state."""

from aimass_stream.learners.bandit.declaration import Bandit

__all__ = ["Bandit"]
