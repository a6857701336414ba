"""The demo's live view: what flows, how far behind, how long it takes, what died."""

from __future__ import annotations

import time
import urllib.request
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

from rich.console import Console
from rich.live import Live
from rich.table import Table

from aimass_stream.verify.oracle import Account

RATE_WINDOW_S = 5.0
LINE_EVERY_S = 5.0
EVENTS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """What the view shows at one moment."""

    sent: int
    accounted: int
    dead: int
    rate_in: float
    rate_out: float
    p50_ms: float
    p99_ms: float
    batch_rows: float
    padding_share: float


@dataclass(slots=True)
class Gauges:
    """Turns counts into rates over the last seconds."""

    history: deque[tuple[float, int, int]] = field(default_factory=deque)

    def rates(self, sent: int, accounted: int) -> tuple[float, float]:
        """Records a second in and out."""
        now = time.monotonic()
        self.history.append((now, sent, accounted))
        while now - self.history[0][0] > RATE_WINDOW_S and len(self.history) > 1:
            self.history.popleft()
        then, sent_then, accounted_then = self.history[0]
        span_s = max(now - then, 1e-9)
        if span_s < 0.5:
            return 0.0, 0.0
        return (sent - sent_then) / span_s, (accounted - accounted_then) / span_s


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of the values lie; 0 when there are none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))])


def observe(account: Account, sent: int, gauges: Gauges, metrics: dict[str, float]) -> Moment:
    """Sum up where things stand."""
    accounted = len(account.arrived_ms) - len(account.lost())
    rate_in, rate_out = gauges.rates(sent, accounted)
    recent = account.latencies_ms()[-2_000:]
    batches = metrics.get("aimass_batch_rows_count", 0.0)
    return Moment(
        sent=sent,
        accounted=accounted,
        dead=len(account.dead),
        rate_in=rate_in,
        rate_out=rate_out,
        p50_ms=percentile(recent, 0.5),
        p99_ms=percentile(recent, 0.99),
        batch_rows=metrics.get("aimass_batch_rows_sum", 0.0) / batches if batches else 0.0,
        padding_share=metrics.get("aimass_padding_ratio", 0.0),
    )


def read_metrics(port: int) -> dict[str, float]:
    """A worker's metrics by name, summed over labels; empty while it cannot be asked."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1) as answer:
            lines = answer.read().decode().splitlines()
    except (URLError, OSError):
        return {}
    metrics: dict[str, float] = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0]
            metrics[name] = metrics.get(name, 0.0) + float(value)
    return metrics


def read_events(log: Path) -> list[str]:
    """The last things the supervisor told people."""
    if not log.exists():
        return []
    told = [line for line in log.read_text(errors="replace").splitlines() if " died" in line]
    return told[-EVENTS_SHOWN:]


class View:
    """Draws moments: a table that stays in place on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        self._seconds = seconds
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._last_line = 0.0
        self._start = time.monotonic()

    def __enter__(self) -> View:
        """Begin to draw."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal clean."""
        self._live.stop()

    def show(self, moment: Moment, stage: str, events: list[str]) -> None:
        """Draw a moment."""
        elapsed_s = time.monotonic() - self._start
        if self._console.is_terminal:
            self._live.update(self._table(moment, stage, events, elapsed_s), refresh=True)
        elif elapsed_s - self._last_line >= LINE_EVERY_S:
            self._last_line = elapsed_s
            self._console.print(
                f"{elapsed_s:3.0f} s {stage}: {moment.sent} in, {moment.accounted} accounted for, "
                f"p50 {moment.p50_ms:.0f} ms, p99 {moment.p99_ms:.0f} ms",
                soft_wrap=True,
            )

    def _table(self, moment: Moment, stage: str, events: list[str], elapsed_s: float) -> Table:
        table = Table(title=f"aimass demo · {stage} · {elapsed_s:.0f} of {self._seconds:.0f} s")
        for column in ("", "records", "per second"):
            table.add_column(column, justify="left" if not column else "right")
        table.add_row("images in", f"{moment.sent:,}", f"{moment.rate_in:.0f}")
        table.add_row("accounted for", f"{moment.accounted:,}", f"{moment.rate_out:.0f}")
        table.add_row("of these dead-lettered", f"{moment.dead:,}", "")
        table.add_row("lag", f"{moment.sent - moment.accounted:,}", "")
        table.add_row("latency p50 / p99", f"{moment.p50_ms:.0f} / {moment.p99_ms:.0f} ms", "")
        table.add_row("rows a batch", f"{moment.batch_rows:.1f}", "")
        if events:
            table.caption = "\n".join(events)
        return table
