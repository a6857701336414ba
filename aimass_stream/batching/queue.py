"""The queue of one model: waiting entries by bucket, cut into batches with little padding.

Entries of all partitions share one queue. The oldest `window` of them lie in buckets by cost,
first in first out in each; the rest wait in arrival order until there is room. A batch is cut
around the oldest entry: its bucket, then neighbouring buckets for as long as padding stays
small. Nothing is ever sorted, and batches end at bucket bounds, so they leave no fragments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import inf
from operator import attrgetter
from typing import Generic, TypeVar

from aimass_stream.batching.buckets import bucket
from aimass_stream.batching.policy import Budget

PADDING_SHARE = 0.075
"""Share of a batch that may be padding before a neighbouring bucket is left for later.

Costs are estimates: of texts, a share of 0.075 becomes one of 0.08 in tokens.
"""

_seq = attrgetter("seq")


class Entry:
    """What waits: subclass it to carry a payload.

    Attributes:
        cost: what it adds to a batch; positive and finite.
        arrival_s: when it was submitted, on the owner's clock.
        seq: its place in arrival order, given by the queue and kept when it is put back.
    """

    __slots__ = ("arrival_s", "cost", "seq")

    def __init__(self, cost: float, arrival_s: float) -> None:
        self.cost = cost
        self.arrival_s = arrival_s
        self.seq = -1


E = TypeVar("E", bound=Entry)


class _Bucket(Generic[E]):
    """Entries that are padded to one size, oldest first, and the sum of their costs."""

    __slots__ = ("cost", "entries", "size")

    def __init__(self, size: float) -> None:
        self.size = size
        self.entries: deque[E] = deque()
        self.cost = 0.0

    def take(self, rows: int) -> list[E]:
        entries = self.entries
        if rows == len(entries):
            taken = list(entries)
            entries.clear()
            self.cost = 0.0
            return taken
        taken = [entries.popleft() for _ in range(rows)]
        self.cost -= sum(entry.cost for entry in taken)
        return taken

    def merge(self, older: Iterable[E]) -> None:
        self.entries = deque(sorted([*older, *self.entries], key=_seq))
        self.cost = sum(entry.cost for entry in self.entries)


class _Cut(Generic[E]):
    """A batch being planned: whole neighbouring buckets, the last one perhaps in part."""

    def __init__(self, budget: Budget, buckets: Sequence[_Bucket[E]], seed: int) -> None:
        self._budget = budget
        self._buckets = buckets
        self._low = self._high = seed
        self.size = buckets[seed].size
        self.rows = 0
        self._real = 0.0
        self.takes: list[tuple[_Bucket[E], int]] = []
        self._add(buckets[seed], self.size)

    def room(self, size: float) -> int:
        """Rows the batch may have when each is padded to `size`."""
        return max(1, int(min(self._budget.rows, self._budget.cost / size)))

    def extend(self) -> None:
        """Add neighbouring buckets, the one that needs less padding first."""
        while self.rows < self.room(self.size):
            below = self._padding_with(self._low - 1)
            above = self._padding_with(self._high + 1)
            if min(below, above) == inf:
                return
            if below <= above:
                self._low -= 1
                self._add(self._buckets[self._low], self.size)
            else:
                self._high += 1
                self._add(self._buckets[self._high], self._buckets[self._high].size)

    def _padding_with(self, index: int) -> float:
        """Share of padding when a bucket is added; infinite where it must not be."""
        if not 0 <= index < len(self._buckets):
            return inf
        added = self._buckets[index]
        size = max(self.size, added.size)
        rows = min(len(added.entries), self.room(size) - self.rows)
        if rows <= 0:
            return inf
        padded = size * (self.rows + rows)
        padding = padded - self._real - rows * added.cost / len(added.entries)
        allowed = max(PADDING_SHARE * padded, self._budget.padding)
        return padding / padded if padding <= allowed else inf

    def _add(self, added: _Bucket[E], size: float) -> None:
        self.size = size
        rows = min(len(added.entries), self.room(size) - self.rows)
        self.rows += rows
        self._real += rows * added.cost / len(added.entries)
        self.takes.append((added, rows))


class BatchQueue(Generic[E]):
    """Waiting entries of one model; used from one task at a time.

    The oldest entry is in the next batch, always, so none is passed over by a batch of
    younger ones only. An entry can be overtaken only from within the window, and at most by
    as many batches as there are older entries in it.

    Args:
        window: how many entries are looked at for a batch.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._buckets: dict[float, _Bucket[E]] = {}
        self._in_buckets = 0
        self._behind: deque[E] = deque()
        self._next_seq = 0
        self._last_cost = 1.0
        self._last_size = 1.0

    def __len__(self) -> int:
        return self._in_buckets + len(self._behind)

    @property
    def oldest(self) -> E | None:
        """The entry the next batch is cut around."""
        heads = (each.entries[0] for each in self._buckets.values())
        return min(heads, key=_seq, default=None)

    def put(self, entries: Iterable[E]) -> None:
        """Append entries, in this order."""
        seq = self._next_seq
        for entry in entries:
            entry.seq = seq
            seq += 1
            self._behind.append(entry)
        self._next_seq = seq
        self._fill_window()

    def put_back(self, entries: Iterable[E]) -> None:
        """Return entries that were in a batch; they go before everything that came later."""
        returned: dict[float, list[E]] = {}
        for entry in entries:
            returned.setdefault(self._bucket_of(entry).size, []).append(entry)
        for size, group in returned.items():
            self._buckets[size].merge(group)
            self._in_buckets += len(group)

    def next_batch(self, budget: Budget) -> list[E]:
        """Take out the next batch; empty when nothing waits.

        Rows times the bucket of the costliest are within the budget, unless it is one row.
        """
        oldest = self.oldest
        if oldest is None:
            return []
        buckets = sorted(self._buckets.values(), key=attrgetter("size"))
        seed = next(at for at, each in enumerate(buckets) if each.entries[0] is oldest)
        cut = _Cut(budget, buckets, seed)
        cut.extend()
        batch: list[E] = []
        for each, rows in cut.takes:
            batch += each.take(rows)
            if not each.entries:
                del self._buckets[each.size]
        self._in_buckets -= len(batch)
        self._fill_window()
        return batch

    def take_one(self, place: float) -> E | None:
        """Take out one entry, whichever stands at `place` of all: 0 is among the oldest, 1 the end.

        None when nothing waits.
        """
        at = int(place * len(self))
        for size, held in self._buckets.items():
            if at < len(held.entries):
                entry = held.entries[at]
                del held.entries[at]
                held.cost -= entry.cost
                self._in_buckets -= 1
                if not held.entries:
                    del self._buckets[size]
                self._fill_window()
                return entry
            at -= len(held.entries)
        if at >= len(self._behind):
            return None
        entry = self._behind[at]
        del self._behind[at]
        return entry

    def remove(self, is_unwanted: Callable[[E], bool]) -> int:
        """Drop entries nobody waits for any more; returns how many."""
        before = len(self)
        kept = [entry for each in self._buckets.values() for entry in each.entries]
        kept += self._behind
        self._buckets, self._in_buckets = {}, 0
        self._behind = deque(sorted((entry for entry in kept if not is_unwanted(entry)), key=_seq))
        self._fill_window()
        return before - len(self)

    def _fill_window(self) -> None:
        behind = self._behind
        while behind and self._in_buckets < self._window:
            entry = behind.popleft()
            held = self._bucket_of(entry)
            held.entries.append(entry)
            held.cost += entry.cost
            self._in_buckets += 1

    def _bucket_of(self, entry: E) -> _Bucket[E]:
        # Costs repeat, above all the constant 1, and rounding costs more than comparing.
        if entry.cost != self._last_cost:
            self._last_cost, self._last_size = entry.cost, bucket(entry.cost)
        size = self._last_size
        held = self._buckets.get(size)
        if held is None:
            held = self._buckets[size] = _Bucket(size)
        return held


def padded_cost(batch: Sequence[Entry]) -> float:
    """Rows times the bucket of the costliest row: what a batch costs."""
    return len(batch) * bucket(max(entry.cost for entry in batch))
