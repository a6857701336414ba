"""How a run of `aimass verify` is shown: live on a terminal, in lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aimass_stream.verify.finding import Row, Verdict

if TYPE_CHECKING:
    from aimass_stream.verify.fault import Fault
    from aimass_stream.verify.run import Verification

REFRESH_S = 0.25
COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.SKIPPED: "yellow"}


class View:
    """Shows which fault runs, what happens now, and the rows so far.

    Args:
        console: where to.
        faults: how many there are.
    """

    def __init__(self, console: Console, faults: int) -> None:
        self._console = console
        self._faults = faults
        self._began = time.monotonic()
        self._fault = ""
        self._stage = ""
        self._verification: Verification | None = None

    # -- what it is told -----------------------------------------------------------------

    def say(self, stage: str) -> None:
        """What happens now."""
        self._stage = stage
        if not self._console.is_terminal:
            elapsed_s = time.monotonic() - self._began
            fault = f"{self._fault}: " if self._fault else ""
            self._console.print(
                f"{elapsed_s:4.0f} s  {fault}{stage}", soft_wrap=True, markup=False, highlight=False
            )

    def begin(self, fault: type[Fault]) -> None:
        """A fault begins."""
        self._fault = fault.name
        self.say("begins")

    def end(self, row: Row) -> None:
        """A fault has ended."""
        self._fault = row.fault
        self.say(f"{row.verdict.value}{f' ({row.why})' if row.why else ''}")
        self._fault = ""

    # -- what it shows -------------------------------------------------------------------

    @contextmanager
    def following(self, verification: Verification) -> Iterator[None]:
        """Draw for as long as the block runs; a thread of its own, since Kafka's start blocks."""
        self._verification = verification
        if not self._console.is_terminal:
            yield
            return
        ended = threading.Event()
        with Live(console=self._console, auto_refresh=False, transient=True) as live:

            def draw() -> None:
                while not ended.wait(REFRESH_S):
                    live.update(self._picture(verification.rows), refresh=True)

            drawing = threading.Thread(target=draw, name="view", daemon=True)
            drawing.start()
            try:
                yield
            finally:
                ended.set()
                drawing.join()

    def _picture(self, rows: Sequence[Row]) -> Group:
        elapsed_s = time.monotonic() - self._began
        now = Text(f"{elapsed_s:4.0f} s  {len(rows)} of {self._faults} faults  ")
        now.append(self._fault or "the application", "bold").append(f": {self._stage}")
        return Group(result_table(list(rows)), now, Text(self._counts(), "dim"))

    def _counts(self) -> str:
        scene = self._verification.scene if self._verification else None
        window = scene.window_now if scene else None
        if window is None:
            return ""
        arrivals, outcomes = window.arrivals(), window.outcomes()
        return (
            f"{window.sent.total():,} records sent; {arrivals:,} seen by an agent, "
            f"{outcomes:,} with an outcome"
        )


def result_table(rows: Sequence[Row]) -> Table:
    """The rows of a run."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("row", justify="right", no_wrap=True)
    # A name is wrapped where the terminal is narrow, figures never are.
    table.add_column("fault", min_width=16)
    for column in ("records", "lost", "duplicated", "differing", "recovery"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        shown = row.verdict is not Verdict.SKIPPED
        figures = [f"{row.records:,}", str(row.lost), str(row.duplicated), str(row.differing)]
        recovery = "-" if row.recovery_s is None else f"{row.recovery_s:.1f} s"
        verdict = Text(row.verdict.value, COLOURS[row.verdict])
        table.add_row(row.row, row.fault, *(figures if shown else "----"), recovery, verdict)
    return table


def list_table(faults: Sequence[type[Fault]]) -> Table:
    """The faults there are."""
    table = Table(
        "row", "fault", "what it promises", "--quick", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for fault in faults:
        needs = f"\nNeeds {' and '.join(sorted(fault.needs))}." if fault.needs else ""
        promise = Text(fault.promise).append(needs, "dim")
        table.add_row(fault.row, fault.name, promise, "yes" if fault.quick else "")
    return table
