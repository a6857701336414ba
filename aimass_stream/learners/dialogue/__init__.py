"""What is said in turn: the declaration of a dialogue, and its state beside it."""

from aimass_stream.learners.dialogue.declaration import Dialogue, Form

__all__ = ["Dialogue", "Form"]
