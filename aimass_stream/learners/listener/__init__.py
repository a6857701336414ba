"""Speech that comes in pieces: the declaration of what listens; its state is an adapter."""

from aimass_stream.learners.listener.declaration import Listener

__all__ = ["Listener"]
