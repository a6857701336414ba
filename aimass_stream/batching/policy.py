"""The policy: how large the next batch of a model may be.

Lag low: the largest batch that still meets the deadline of its oldest record. Lag high: the
size that works off most in a second, within what memory holds. There is no timer: a batch is
whatever gathered while the device was busy (as in Text Embeddings Inference), and a device with
nothing to do takes what is there. Waiting for company would cost latency for certain and gain
throughput that an idle device has no use for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from aimass_stream.batching.latency import LatencyLine
from aimass_stream.batching.sizes import BatchSizes, size_of

FIRST_ROWS = 8
"""Rows of a model's first batch, from which its speed is learnt."""

_WAITS = 3
_ROUNDS_OF_FIXED_COST = 32
_DEADLINES = 10
_SLOW_ROWS = 16
_SHARE_OF_TIMEOUT = 0.25
_GROWTH = 2.0
_ROW_COST_GAIN = 0.1


@dataclass(frozen=True, slots=True)
class Budget:
    """What the next batch may be.

    Attributes:
        cost: rows times what each is padded to, at the most; a single row may exceed it.
        rows: rows at the most.
        padding: padding, in units of cost, that is cheaper than the fixed cost of one more
            batch; it is allowed whatever share of the batch it makes.
        size: the power of two it is cut to, to be compared with others; None where it is cut
            for its deadline.
    """

    cost: float
    rows: int
    padding: float = 0.0
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What waits for a model.

    Attributes:
        rows: records waiting here and behind on the broker.
        age_ms: age of the oldest that waits here.
        busy_ms: time until the device is done with what it has been sent.
    """

    rows: int
    age_ms: float = 0.0
    busy_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """A batch that was answered.

    Attributes:
        cost: rows times what each was padded to.
        real_cost: the sum of what its rows cost.
        rows: how many.
        ms: milliseconds of decoding and predicting.
        size: what its budget said.
    """

    cost: float
    real_cost: float
    rows: int
    ms: float
    size: int | None = None


class BatchPolicy:
    """Decides over the batches of one model on one device.

    Args:
        latency_ms: what a record should take while lag is low.
        max_rows: rows of a batch at the most.
        timeout_ms: a batch that takes this long counts as hung.
    """

    def __init__(self, latency_ms: float, max_rows: int, timeout_ms: float = inf) -> None:
        self._latency_ms = latency_ms
        self._max_rows = max_rows
        self._longest_ms = _SHARE_OF_TIMEOUT * timeout_ms
        self._line = LatencyLine()
        self._sizes = BatchSizes()
        self._row_cost = 0.0
        self._largest_answered = 0.0
        self._memory_cost = inf

    @property
    def memory_cost(self) -> float:
        """The cost that memory is known to hold; infinite until it ran out once."""
        return self._memory_cost

    def latency_ms(self, cost: float) -> float:
        """What a batch of this cost is expected to take; 0 before the first was answered."""
        return self._line.latency_ms(cost)

    def learn(self, batch: Answered) -> None:
        """Take in an answered batch."""
        cost, rows, ms = batch.cost, batch.rows, batch.ms
        self._line.learn(cost, ms)
        if batch.size is not None:
            self._sizes.learn(batch.size, rows, batch.real_cost, ms)
        row_cost = cost / rows
        gain = _ROW_COST_GAIN if self._row_cost else 1.0
        self._row_cost += gain * (row_cost - self._row_cost)
        self._largest_answered = max(self._largest_answered, cost)

    def halve(self, cost: float) -> None:
        """A batch of this cost ran out of memory: none above half of it from now on."""
        self._memory_cost = min(self._memory_cost, cost / 2)

    def budget(self, demand: Demand) -> Budget:
        """The budget of a batch that is cut now."""
        line = self._line
        if not line.is_known:
            return Budget(self._memory_cost, min(FIRST_ROWS, self._max_rows))
        # Beyond twice what was answered before, both the line and memory are guesses.
        most = min(self._memory_cost, _GROWTH * self._largest_answered)
        if not self._is_behind(demand):
            cost = min(self._timely_cost(demand), most)
            return Budget(cost, self._max_rows, line.fixed_cost)
        most = min(most, self._safe_cost(), self._patient_cost(), self._max_rows * self._row_cost)
        size = self._sizes.choose(
            first=size_of(self._gaining_cost()),
            least=size_of(self._row_cost),
            most=size_of(most),
        )
        return Budget(min(2.0**size, most), self._max_rows, line.fixed_cost, size)

    def _is_behind(self, demand: Demand) -> bool:
        """Whether working off what waits takes longer than the deadline, whatever its cut."""
        return demand.rows * self._row_cost * self._line.slope > self._latency_ms

    def _timely_cost(self, demand: Demand) -> float:
        # A record may wait for the batch being predicted and the one behind it before its own
        # begins: thirds of the deadline add up to it. Smaller ones only cost throughput.
        least_ms = self._latency_ms / _WAITS
        left_ms = max(self._latency_ms - demand.age_ms - demand.busy_ms, least_ms)
        # Where less than half of a batch's time is work, cutting it smaller saves no time.
        return max(self._line.cost_within(left_ms), self._line.fixed_cost)

    def _gaining_cost(self) -> float:
        # In 32 times the fixed cost 3 % are overhead, as far as a line can tell.
        return max(
            _ROUNDS_OF_FIXED_COST * self._line.fixed_cost,
            self._line.cost_within(self._latency_ms),
        )

    def _patient_cost(self) -> float:
        """What others of the device can wait for, though some rows are slow by themselves."""
        within = self._line.cost_within(_DEADLINES * self._latency_ms)
        return max(within, _SLOW_ROWS * self._row_cost, self._line.fixed_cost)

    def _safe_cost(self) -> float:
        """What is done long before it counts as hung."""
        return max(self._line.cost_within(self._longest_ms), self._line.fixed_cost)


class RecentMax:
    """The largest of the values seen in the last `window_s` seconds; 0 when there is none."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._falling: deque[tuple[float, int]] = deque()

    def add(self, value: int, now_s: float) -> None:
        """Take in a value; times never go back."""
        falling = self._falling
        while falling and falling[-1][1] <= value:
            falling.pop()
        falling.append((now_s, value))

    def get(self, now_s: float) -> int:
        """The largest value that is not older than the window."""
        falling = self._falling
        while falling and falling[0][0] < now_s - self._window_s:
            falling.popleft()
        return falling[0][1] if falling else 0
