"""The demo's live view: what flows, how far behind, how long it takes, what died."""

from __future__ import annotations

import time
import urllib.request
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
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
class Row:
    """Where one topic stands; a record counts once for each agent that reads it.

    Attributes:
        arrived: records on the topic.
        accounted: those with an outcome that the topics bear out.
        dead: those dead-lettered.
        recent_ms: latencies of the last records.
    """

    topic: str
    arrived: int
    accounted: int
    dead: int
    recent_ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class Moment:
    """What the view shows at one moment.

    Attributes:
        sent: records sent, of all topics.
        rate_out: outcomes a second.
        batch_rows: rows of a batch sent to a model, on average.
        padding_share: share of the batches' cost that is padding, on average.
    """

    rows: Sequence[Row]
    sent: int
    rate_in: float
    rate_out: float
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


def observe(
    accounts: Mapping[str, Sequence[Account]], sent: int, gauges: Gauges, metrics: dict[str, float]
) -> Moment:
    """Sum up where things stand; `accounts` are those of each topic's agents."""
    rows = [
        Row(
            topic,
            sum(len(account.arrived_ms) for account in of_topic),
            sum(len(account.settled_ms) for account in of_topic),
            sum(len(account.dead) for account in of_topic),
            [ms for account in of_topic for ms in account.recent_ms],
        )
        for topic, of_topic in accounts.items()
    ]
    rate_in, rate_out = gauges.rates(sent, sum(row.accounted for row in rows))
    batches = metrics.get("aimass_batch_rows_count", 0.0)
    cut = metrics.get("aimass_batch_padding_ratio_count", 0.0)
    return Moment(
        rows=rows,
        sent=sent,
        rate_in=rate_in,
        rate_out=rate_out,
        batch_rows=metrics.get("aimass_batch_rows_sum", 0.0) / batches if batches else 0.0,
        padding_share=metrics.get("aimass_batch_padding_ratio_sum", 0.0) / cut if cut else 0.0,
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

    def __init__(self, console: Console) -> None:
        self._console = console
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
            accounted = sum(row.accounted for row in moment.rows)
            arrived = sum(row.arrived for row in moment.rows)
            recent_ms = [ms for row in moment.rows for ms in row.recent_ms]
            self._console.print(
                f"{elapsed_s:3.0f} s {stage}: {arrived:,} in, {accounted:,} accounted for, "
                f"p50 {percentile(recent_ms, 0.5):,.0f} ms, "
                f"p99 {percentile(recent_ms, 0.99):,.0f} ms",
                soft_wrap=True,
            )

    def _table(self, moment: Moment, stage: str, events: list[str], elapsed_s: float) -> Table:
        table = Table(title=f"aimass demo · {stage} · {elapsed_s:.0f} s since the start")
        table.add_column("topic", overflow="fold")
        for column in ("in", "accounted for", "dead", "lag", "p50 ms", "p99 ms"):
            table.add_column(column, justify="right")
        for row in moment.rows:
            table.add_row(
                row.topic,
                f"{row.arrived:,}",
                f"{row.accounted:,}",
                f"{row.dead:,}",
                f"{max(0, row.arrived - row.accounted):,}",
                f"{percentile(row.recent_ms, 0.5):,.0f}",
                f"{percentile(row.recent_ms, 0.99):,.0f}",
            )
        told = [
            f"{moment.rate_in:.0f} records a second in, {moment.rate_out:.0f} outcomes out, "
            f"{moment.batch_rows:.1f} rows a batch, {moment.padding_share:.0%} padding"
        ]
        table.caption = "\n".join([*told, *events])
        return table
