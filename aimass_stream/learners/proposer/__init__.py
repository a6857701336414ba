"""Fits on the stream that propose a next version, and never put one in force."""

from aimass_stream.learners.proposer.declaration import Proposer

__all__ = ["Proposer"]
