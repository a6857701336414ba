"""A gallery of identities, enrolled and erased by events: the declaration, and its state."""

from aimass_stream.learners.gallery.declaration import Gallery

__all__ = ["Gallery"]
