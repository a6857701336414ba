"""What happens: one agent per file, and the app they belong to."""

from agents.app import app

__all__ = ["app"]
