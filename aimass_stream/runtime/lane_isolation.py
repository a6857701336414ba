"""Where a batch that failed is split, to find the records that are to blame.

The runner that sent it looks for them, one failed batch after another; the others go on with
ordinary batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aimass_stream.runtime.batch import BatchFailed
from aimass_stream.runtime.circuit import LOSSES
from aimass_stream.runtime.isolation import attempt, find_culprits
from aimass_stream.runtime.lane_calls import CircuitOpened, LaneCalls
from aimass_stream.runtime.lane_metrics import LaneMetrics
from aimass_stream.runtime.shared_device import APART, BESIDE_OTHERS
from aimass_stream.runtime.submission import Row


class LaneIsolation:
    """The failed batches of one lane. Used from its runners.

    Args:
        calls: the lane's.
        metrics: the lane's.
        put_back: takes rows that have no outcome yet for later batches.
        on_begin: called when a search begins after a time without one.

    Attributes:
        is_under_way: whether a record that made its batch fail is being looked for.
    """

    def __init__(
        self,
        calls: LaneCalls[Any],
        metrics: LaneMetrics,
        put_back: Callable[[Sequence[Row]], None],
        on_begin: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._metrics = metrics
        self._put_back = put_back
        self._on_begin = on_begin
        self._failed: deque[tuple[list[Row], BatchFailed]] = deque()
        self.is_under_way = False

    async def isolate(self, batch: list[Row], failure: BatchFailed) -> None:
        """Find who is to blame, or leave it to the runner that is at it already."""
        self._failed.append((batch, failure))
        if self.is_under_way:
            return
        self.is_under_way = True
        self._on_begin()
        try:
            while self._failed:
                await self._isolate(*self._failed.popleft())
        finally:
            self.is_under_way = False

    async def _isolate(self, batch: list[Row], failure: BatchFailed) -> None:
        wanted = [row for row in batch if not row.submission.is_over]
        if len(wanted) < len(batch):
            # What is left of it may not fail at all.
            self._put_back(wanted)
            return
        self._metrics.split(failure.reason)
        try:
            await self._search(batch, failure)
        except CircuitOpened:
            self._put_back(batch)

    async def _search(self, batch: list[Row], failure: BatchFailed) -> None:
        """Find who is to blame.

        Raises:
            CircuitOpened: the model is; what has no outcome is to be held.
        """
        gate_share = APART if failure.reason in LOSSES else BESIDE_OTHERS
        if gate_share == APART and len(batch) == 1:
            own_failure = await attempt(partial(self._calls.predict, gate_share=APART), batch)
            if own_failure is None:
                return
            failure = own_failure

        async def call(part: Sequence[Row]) -> None:
            failed = await attempt(partial(self._call, gate_share=gate_share), part)
            if failed is None:
                return
            if len(part) == 1:
                # Blamed now and not at the end, so that many of them end the search.
                self._calls.blame(part[0], failed)
            raise failed

        verdict = await find_culprits(call, batch, failure)
        for at, own_failure in verdict.blamed:
            if not batch[at].is_settled:
                self._calls.blame(batch[at], own_failure)
        self._put_back([batch[at] for at in verdict.put_back])

    async def _call(self, part: Sequence[Row], gate_share: int) -> None:
        """Have a part answered, such that its failure is its own."""
        try:
            await self._calls.predict(part, gate_share)
        except BatchFailed as failure:
            if gate_share == APART or failure.reason not in LOSSES:
                raise
            await self._calls.predict(part, APART)
