"""Data folders, found by their shape, so that other data of the same kinds can be put in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from benchmarks.learning.nab import Series


def series_folders(data: Path) -> list[Path]:
    """Folders with a `windows.json` and CSV files (`timestamp,value`) in folders beside it."""
    return [path.parent for path in sorted(data.rglob("windows.json"))]


def read_series(folder: Path) -> list[Series]:
    """Every series that `windows.json` names and that is there, in the order of names."""
    listed = orjson.loads((folder / "windows.json").read_bytes())
    found = [name for name in sorted(listed) if (folder / name).is_file()]
    return [_read_one(folder, name, listed[name]) for name in found]


def _read_one(folder: Path, name: str, windows: list[list[str]]) -> Series:
    lines = (folder / name).read_text().splitlines()[1:]
    cells = [line.split(",") for line in lines if line]
    times = np.array([cell[0] for cell in cells], "datetime64[ms]").astype(np.int64)
    values = np.array([float(cell[1]) for cell in cells])
    rows = []
    for edges in windows:
        first, last = np.array(edges, "datetime64[ms]").astype(np.int64)
        begin = int(np.searchsorted(times, first, side="left"))
        end = int(np.searchsorted(times, last, side="right")) - 1
        rows.append((begin, end))
    return Series(name, times, values, rows)


def tables(data: Path) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.int64]]]:
    """Name, `X` as `(rows, columns)` float64 and `y` as `(rows,)` of each npz that has both."""
    for path in sorted(data.rglob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            if {"X", "y"} <= set(arrays):
                yield (
                    path.stem,
                    arrays["X"].astype(np.float64),
                    arrays["y"].ravel().astype(np.int64),
                )
