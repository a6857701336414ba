"""What keeps a worker from being ready, in plain sentences: the notes behind `/readyz`.

Whoever finds something wrong that will pass notes it under a key, and clears it when it has
passed. What will not pass is an error, and ends the worker. Used on the worker's event loop.
"""

from __future__ import annotations


class Health:
    """Reasons why a worker is degraded, by who noted them."""

    def __init__(self) -> None:
        self._notes: dict[str, str] = {}

    def note(self, key: str, text: str) -> None:
        """Something is wrong; a later note under the same key replaces this one.

        Args:
            key: names what is wrong, e.g. `snapshots`; never shown.
            text: one sentence for people, without any payload.
        """
        self._notes[key] = text

    def clear(self, key: str) -> None:
        """It has passed; nothing happens where nothing was noted."""
        self._notes.pop(key, None)

    @property
    def reasons(self) -> list[str]:
        """What is wrong now, in the order it was first noted."""
        return list(self._notes.values())
