"""Bots, click farms and bursts, told apart from people: the declaration, and its state."""

from aimass_stream.learners.abuse.declaration import AbuseGuard

__all__ = ["AbuseGuard"]
