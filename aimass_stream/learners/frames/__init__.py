"""Windows of frames that come one by one: the declaration, and its state beside it."""

from aimass_stream.learners.frames.declaration import FrameWindows

__all__ = ["FrameWindows"]
