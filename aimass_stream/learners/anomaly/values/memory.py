"""What series are remembered by: arrays with a row for each, the longest silent going first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Memory = dict[str, NDArray[Any]]
"""Arrays by name, all `(series, ...)`; a step changes them in place."""


class Field(NamedTuple):
    """An array of a memory.

    Attributes:
        shape: of one series; empty for a number.
        dtype: of its elements.
        fill: what a series begins with.
    """

    shape: tuple[int, ...] = ()
    dtype: Any = np.float64
    fill: float = 0.0


class Batch(NamedTuple):
    """The series of some records, copied out, those with the most records first.

    Attributes:
        keys: of the series.
        memory: `(len(keys), ...)` each; whoever holds the batch may change it.
        places: of each of the records, `(rows,)`: its series in `keys`.
        turns: of each record, `(rows,)`: how many records of its series stand before it.
    """

    keys: list[str]
    memory: Memory
    places: NDArray[np.int64]
    turns: NDArray[np.int64]


class SeriesMemory:
    """Memories of at most so many series.

    Args:
        fields: by name.
        most: series remembered.
    """

    def __init__(self, fields: Mapping[str, Field], most: int) -> None:
        self._fields = dict(fields)
        self._most = most
        self._slots: dict[str, int] = {}
        self._arrays = self._fresh(0)

    def take(self, keys: Sequence[str]) -> Batch:
        """Copies of the memories of records' series; what is not known is fresh.

        Args:
            keys: of the records, in order.
        """
        counts: dict[str, int] = {}
        turns = np.empty(len(keys), np.int64)
        for i, key in enumerate(keys):
            turns[i] = counts.get(key, 0)
            counts[key] = int(turns[i]) + 1
        ordered = sorted(counts, key=lambda key: -counts[key])
        index = {key: i for i, key in enumerate(ordered)}
        places = np.fromiter((index[key] for key in keys), np.int64, len(keys))
        slots = np.fromiter((self._slots.get(key, -1) for key in ordered), np.int64, len(ordered))
        known = slots >= 0
        memory = self._fresh(len(ordered))
        for name, array in memory.items():
            array[known] = self._arrays[name][slots[known]]
        return Batch(ordered, memory, places, turns)

    def put(self, series: Mapping[str, tuple[Memory, int]]) -> None:
        """Remember series as they have become.

        Args:
            series: by key, in the order of their last records: a memory, and the row in it.
        """
        latest = dict(list(series.items())[-self._most :])
        # All slots before any copy, since arrays may grow.
        slots = {key: self._slot(key) for key in latest}
        shared: dict[int, tuple[Memory, list[str]]] = {}
        for key, (memory, _) in latest.items():
            shared.setdefault(id(memory), (memory, []))[1].append(key)
        for memory, keys in shared.values():
            into = [slots[key] for key in keys]
            rows = [latest[key][1] for key in keys]
            for name, array in memory.items():
                self._arrays[name][into] = array[rows]

    def snapshot(self) -> tuple[Memory, list[str]]:
        """Copies of the arrays, and the keys, both from the longest silent on."""
        slots = np.fromiter(self._slots.values(), np.int64, len(self._slots))
        return {name: array[slots] for name, array in self._arrays.items()}, list(self._slots)

    def restore(self, arrays: Mapping[str, NDArray[Any]], keys: Sequence[str]) -> None:
        """Have what was laid down.

        Raises:
            ValueError: it is of other fields.
        """
        fresh = self._fresh(len(keys))
        for name, array in fresh.items():
            if name not in arrays or arrays[name].shape != array.shape:
                raise ValueError(f"memories of another shape: {name}")
            array[...] = arrays[name]
        self._arrays = fresh
        self._slots = {key: i for i, key in enumerate(keys)}

    def _slot(self, key: str) -> int:
        """Where a series is kept, which is now the last that was heard of."""
        slot = self._slots.pop(key, None)
        if slot is None:
            slot = len(self._slots)
            if slot == self._most:
                slot = self._slots.pop(next(iter(self._slots)))
            elif slot == len(self._arrays[next(iter(self._fields))]):
                self._grow(max(8, 2 * slot))
        self._slots[key] = slot
        return slot

    def _grow(self, series: int) -> None:
        grown = self._fresh(min(series, self._most))
        for name, array in self._arrays.items():
            grown[name][: len(array)] = array
        self._arrays = grown

    def _fresh(self, series: int) -> Memory:
        return {
            name: np.full((series, *field.shape), field.fill, field.dtype)
            for name, field in self._fields.items()
        }


class Ahead:
    """Series as the records of a block have left them so far, beside a memory that waits.

    Args:
        memory: what is remembered of before the block; it stays as it is until `keep`.
    """

    def __init__(self, memory: SeriesMemory) -> None:
        self._memory = memory
        self._series: dict[str, tuple[Memory, int]] = {}

    def take(self, keys: Sequence[str]) -> Batch:
        """Copies of records' series, as the records before these have left them."""
        batch = self._memory.take(keys)
        for row, key in enumerate(batch.keys):
            if key in self._series:
                memory, at = self._series[key]
                for name, array in batch.memory.items():
                    array[row] = memory[name][at]
        return batch

    def put(self, batch: Batch) -> None:
        """Have the series of a batch as it has become; nobody may change it from now on."""
        # In the order of their last records, so that the dict is in the order of silence.
        last = np.full(len(batch.keys), -1)
        last[batch.places] = np.arange(len(batch.places))
        for row in np.argsort(last, kind="stable").tolist():
            self._series.pop(batch.keys[row], None)
            self._series[batch.keys[row]] = (batch.memory, row)

    def keep(self) -> None:
        """Have the memory remember all of it."""
        self._memory.put(self._series)
