"""Alarms that rest: after one, a key's next records raise none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray


class Rest:
    """Which keys rest, and for how many more of their own records.

    Args:
        records: of a key, after its alarm, that raise none.
        keys: that may rest at once; the one longest silent is woken first.
    """

    def __init__(self, records: int, keys: int) -> None:
        self._records = records
        self._keys = keys
        self._left: OrderedDict[str, int] = OrderedDict()

    def look(
        self,
        keys: Sequence[str],
        unusual: Sequence[bool] | NDArray[Any],
        ahead: dict[str, int],
    ) -> list[bool]:
        """Which unusual records are alarms, each behind those before it.

        Args:
            keys: of the records.
            unusual: whether each is.
            ahead: what earlier records of the block lead to, empty before the first; these are
                added. `remember` takes it.
        """
        alarms = []
        for key, is_unusual in zip(keys, unusual, strict=True):
            left = ahead.get(key)
            if left is None:
                left = self._left.get(key, 0)
            rings = bool(is_unusual) and left == 0
            alarms.append(rings)
            if rings:
                ahead[key] = self._records
            elif left:
                ahead[key] = left - 1
        return alarms

    def remember(self, ahead: dict[str, int]) -> None:
        """Remember records that were looked at."""
        for key, left in ahead.items():
            if left:
                self._left[key] = left
                self._left.move_to_end(key)
            else:
                self._left.pop(key, None)
        while len(self._left) > self._keys:
            self._left.popitem(last=False)

    def snapshot(self) -> list[list[str | int]]:
        """Keys and the records they have left, in the order of their latest."""
        return [[key, left] for key, left in self._left.items()]

    def restore(self, left: Sequence[Sequence[Any]]) -> None:
        """Have what was laid down."""
        self._left = OrderedDict((key, count) for key, count in left)
