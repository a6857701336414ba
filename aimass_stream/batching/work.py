"""What the rows of a batch are worth as work, where what they cost is an estimate."""

from __future__ import annotations

_FORGETTING = 0.98
_ENOUGH = 8
_COLLINEAR = 1e-3


class Work:
    """Learns how much of a row's time goes by its cost, and how much is the same for all rows.

    Tokens say nearly all that a text takes; what is done once a row, they do not say. Least
    squares of `ms = by_cost * cost + by_row * rows`, neither negative, in relative errors,
    recent batches counting for more.
    """

    def __init__(self) -> None:
        self._batches = 0
        self._row_cost = 1.0
        self._by_row = 0.0
        self._cost_cost = self._cost_rows = self._rows_rows = 0.0
        self._cost = self._rows = 0.0

    def learn(self, rows: int, cost: float, ms: float) -> None:
        """Take in a batch: its rows, the sum of what they cost, and what it took."""
        self._batches += 1
        gain = max(1 - _FORGETTING, 1 / self._batches)
        self._row_cost += gain * (cost / rows - self._row_cost)
        by_cost, by_rows = cost / ms, rows / ms
        self._cost_cost = _FORGETTING * self._cost_cost + by_cost * by_cost
        self._cost_rows = _FORGETTING * self._cost_rows + by_cost * by_rows
        self._rows_rows = _FORGETTING * self._rows_rows + by_rows * by_rows
        self._cost = _FORGETTING * self._cost + by_cost
        self._rows = _FORGETTING * self._rows + by_rows
        if self._batches >= _ENOUGH:
            self._by_row = self._share_by_row()

    def rows(self, rows: int, cost: float) -> float:
        """How many rows of usual cost these are worth."""
        return (1 - self._by_row) * cost / self._row_cost + self._by_row * rows

    def _share_by_row(self) -> float:
        """The share of a usual row's time that is the same for all rows."""
        scale = self._cost_cost * self._rows_rows
        determinant = scale - self._cost_rows**2
        if determinant < _COLLINEAR * scale:
            return 0.0
        by_cost = self._cost * self._rows_rows - self._rows * self._cost_rows
        by_row = self._rows * self._cost_cost - self._cost * self._cost_rows
        by_cost, by_row = max(by_cost, 0.0) * self._row_cost, max(by_row, 0.0)
        return by_row / (by_cost + by_row) if by_cost + by_row else 0.0
