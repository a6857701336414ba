"""Which item has which slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Slots = NDArray[np.int32]


class Items:
    """Items by slot, in bounded number; those longest unseen make room, a twentieth at a time.

    Args:
        kept: items.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._slots: dict[str, int] = {}
        self._names: list[str] = []
        self._free: list[int] = []
        self._seen: NDArray[np.int64] = np.zeros(kept, np.int64)
        self._events = 0

    @property
    def room(self) -> int:
        """Slots that have ever been in use."""
        return len(self._names)

    @property
    def seen(self) -> int:
        """Items that have a slot now."""
        return len(self._slots)

    def slot(self, item: str) -> int:
        """An item's slot; -1 where it has none."""
        return self._slots.get(item, -1)

    def name(self, slot: int) -> str:
        """The item in a slot."""
        return self._names[slot]

    def silent(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Events of all items since each was last seen."""
        silent: NDArray[np.int64] = self._events - self._seen.take(slots)
        return silent

    def make_room(self) -> Slots:
        """Slots to be forgotten before another item comes; none while there is room."""
        if self._free or len(self._names) < self._kept:
            return np.empty(0, np.int32)
        many = max(1, self._kept // 20)
        gone = np.argsort(self._seen, kind="stable")[:many].astype(np.int32)
        for slot in gone.tolist():
            del self._slots[self._names[slot]]
            self._names[slot] = ""
        self._free = gone.tolist()
        return gone

    def take(self, item: str) -> int:
        """The item's slot, a free one where it has none."""
        slot = self._slots.get(item)
        if slot is None:
            if self._free:
                slot = self._free.pop()
                self._names[slot] = item
            else:
                slot = len(self._names)
                self._names.append(item)
            self._slots[item] = slot
        self._events += 1
        self._seen[slot] = self._events
        return slot

    def snapshot(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
        """Arrays and plain data."""
        arrays: dict[str, NDArray[np.generic]] = {"seen": self._seen[: self.room].copy()}
        return arrays, {
            "names": list(self._names),
            "free": list(self._free),
            "events": self._events,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], data: Mapping[str, Any]) -> None:
        """Have what was laid down."""
        self._names, self._free = list(data["names"]), list(data["free"])
        free = frozenset(self._free)
        self._slots = {name: slot for slot, name in enumerate(self._names) if slot not in free}
        self._seen = np.zeros(self._kept, np.int64)
        self._seen[: len(self._names)] = arrays["seen"]
        self._events = data["events"]
