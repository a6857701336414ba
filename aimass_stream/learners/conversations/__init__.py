"""Conversations that models take part in: the declaration, and its state beside it."""

from aimass_stream.learners.conversations.declaration import Conversations

__all__ = ["Conversations"]
