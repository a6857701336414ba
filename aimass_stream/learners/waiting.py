"""What waits for a label: bounded in number, and by event time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

ItemT = TypeVar("ItemT")


class _Kept(NamedTuple, Generic[ItemT]):
    item: ItemT
    time_ms: int


class Waiting(Generic[ItemT]):
    """Something of each record, until what the record turned out to be is said.

    A label may come late, twice, or never. Its own event time decides whether the record still
    waits, not the latest time seen: one record from the far future must not expire all others.

    Args:
        records: that wait at the most; the oldest go first.
        keep_s: seconds of event time that one waits.
    """

    def __init__(self, records: int, keep_s: float) -> None:
        self._records, self._keep_s = records, keep_s
        self._kept: OrderedDict[str, _Kept[ItemT]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, root: str, item: ItemT, time_ms: int) -> ItemT | None:
        """Remember a record; one that waits already stays as it is.

        Returns:
            What went to make room; None if nothing did.
        """
        self._kept.setdefault(root, _Kept(item, time_ms))
        if len(self._kept) <= self._records:
            return None
        return self._kept.popitem(last=False)[1].item

    def find(self, root: str, time_ms: int) -> ItemT | None:
        """What waits for a label of that time, and goes on waiting; None if nothing does."""
        kept = self._kept.get(root)
        if kept is None or time_ms - kept.time_ms > self._keep_s * 1000:
            return None
        return kept.item

    def take(self, root: str, time_ms: int) -> ItemT | None:
        """As `find`; the record waits no more, either way."""
        found = self.find(root, time_ms)
        self.drop(root)
        return found

    def replace(self, root: str, item: ItemT) -> None:
        """Have something else wait in the place of what waits.

        Raises:
            KeyError: the record does not wait.
        """
        self._kept[root] = self._kept[root]._replace(item=item)

    def drop(self, root: str) -> None:
        """Forget a record, if it waits."""
        self._kept.pop(root, None)

    def copy(self) -> Self:
        """One that waits for the same, and goes on apart; the items are shared."""
        other = type(self)(self._records, self._keep_s)
        other._kept = self._kept.copy()  # noqa: SLF001 - it is one of its own kind
        return other

    @property
    def roots(self) -> list[str]:
        """The records that wait, oldest first."""
        return list(self._kept)

    @property
    def items(self) -> list[ItemT]:
        """What waits, in the order of `roots`."""
        return [kept.item for kept in self._kept.values()]

    @property
    def times_ms(self) -> NDArray[np.int64]:
        """Event times, `(records,)` int64, in the order of `roots`."""
        return np.array([kept.time_ms for kept in self._kept.values()], np.int64)

    def restore(
        self, roots: Sequence[str], items: Iterable[ItemT], times_ms: Iterable[int]
    ) -> None:
        """Have what was laid down, oldest first."""
        rows = zip(roots, items, times_ms, strict=True)
        self._kept = OrderedDict((root, _Kept(item, int(time))) for root, item, time in rows)
