"""The demo's report: what was lost, how right the answers were, how long they took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from aimass_stream.cli.demo.acts import Act
from aimass_stream.cli.demo.stream import Stream
from aimass_stream.cli.demo.view import percentile
from aimass_stream.cli.tables import Name, print_table
from aimass_stream.kafka.reader import Offsets
from aimass_stream.verify.audit import audit
from aimass_stream.verify.oracle import Account, Watched

FATES = ("in", "answered", "quiet", "dead_lettered")


def make_report(
    acts: Sequence[Act],
    accounts: Mapping[str, Account],
    stream: Stream,
    started_ms: float,
    committed: Offsets,
) -> dict[str, Any]:
    """Put the oracle's accounts beside the truth.

    `lost` counts, for each agent that reads them, records that were committed with no outcome or
    that have one which no topic bears out, and records that were acknowledged but are not on
    their topic. `waiting` counts those whose turn comes: without an outcome, and not committed.
    Counts of a topic are sums over its agents.

    Args:
        acts: who made the records.
        accounts: what became of them.
        stream: what was sent.
        started_ms: from when the time to a first answer counts.
        committed: where the agents' group goes on, as it was before the last outcome was read.
    """
    audits = [audit(each, accounts[each.agent], committed) for act in acts for each in act.watched]
    # No topic of a demo is so old that it had to delete what an outcome speaks of.
    lost = sum(each.lost + each.unborne for each in audits)
    topics = {
        topic: _topic_report(of_topic, accounts, started_ms)
        for topic, of_topic in agents_by_topic(acts).items()
    }
    latencies_ms = [ms for act in acts for ms in accounts[act.watched[0].agent].latencies_ms()]
    firsts = [each["seconds_to_first_answer"] for each in topics.values()]
    return {
        "lost": lost + _never_arrived(acts, accounts, stream),
        "waiting": sum(each.waiting for each in audits),
        "duplicated": sum(account.duplicated for account in accounts.values()),
        "differing": sum(account.differing for account in accounts.values()),
        "topics": topics,
        "broken": _broken_report(acts, accounts, stream),
        **_judgements(acts, accounts),
        "latency_ms": {
            "p50": percentile(latencies_ms, 0.50),
            "p99": percentile(latencies_ms, 0.99),
        },
        "seconds_to_first_answer": min((first for first in firsts if first), default=None),
    }


def agents_by_topic(acts: Sequence[Act]) -> dict[str, list[Watched]]:
    """The agents that read each topic."""
    found: dict[str, list[Watched]] = {}
    for act in acts:
        for watched in act.watched:
            found.setdefault(watched.topic, []).append(watched)
    return found


def _topic_report(
    watched: Sequence[Watched], accounts: Mapping[str, Account], started_ms: float
) -> dict[str, Any]:
    agents = {each.agent: accounts[each.agent].counts() for each in watched}
    of_topic = [accounts[each.agent] for each in watched]
    latencies_ms = [ms for account in of_topic for ms in account.latencies_ms()]
    settled_ms = [ms for account in of_topic for ms in account.settled_ms.values()]
    first_ms = min(settled_ms, default=None)
    return {
        **{fate: sum(counts[fate] for counts in agents.values()) for fate in FATES},
        "agents": agents,
        "duplicated": sum(account.duplicated for account in of_topic),
        "differing": sum(account.differing for account in of_topic),
        "latency_ms": {
            "p50": percentile(latencies_ms, 0.50),
            "p99": percentile(latencies_ms, 0.99),
        },
        "seconds_to_first_answer": first_ms and round((first_ms - started_ms) / 1000, 2),
    }


def _never_arrived(acts: Sequence[Act], accounts: Mapping[str, Account], stream: Stream) -> int:
    missing = 0
    for topic, of_topic in agents_by_topic(acts).items():
        sent = {*stream.broken.get(topic, ()), *stream.whole.get(topic, ())}
        missing += len(sent - accounts[of_topic[0].agent].arrived_ms.keys())
    return missing


def _broken_report(
    acts: Sequence[Act], accounts: Mapping[str, Account], stream: Stream
) -> dict[str, Any]:
    """What became of the records that were broken on purpose, and of no other."""
    dead_lettered = whole = 0
    reasons: Counter[str] = Counter()
    for topic, of_topic in agents_by_topic(acts).items():
        dead: dict[tuple[int, int], str] = {}
        for each in of_topic:
            dead |= accounts[each.agent].dead
        dead_lettered += len(stream.broken.get(topic, {}).keys() & dead.keys())
        whole += len(stream.whole.get(topic, set()) & dead.keys())
        reasons.update(dead.values())
    return {
        "sent": sum(map(len, stream.broken.values())),
        "dead_lettered": dead_lettered,
        "whole_dead_lettered": whole,
        "reasons": dict(reasons),
    }


def _judgements(acts: Sequence[Act], accounts: Mapping[str, Account]) -> dict[str, Any]:
    """Each act's figures under its topic; those of the first act stand at the top as well."""
    judged = {act.topic: act.judge(accounts) for act in acts}
    return {"quality": judged, **judged[acts[0].topic]}


def print_report(console: Console, report: dict[str, Any]) -> None:
    """The report as tables for people."""
    print_table(console, _outcomes_table(report))
    print_table(console, _quality_table(report))
    for name, figure in report["quality"]["text"].items():
        for drift in figure.get("drifts", ()):
            console.print(f"drift of {name}: {drift}", highlight=False)


def _outcomes_table(report: dict[str, Any]) -> Table:
    missing = report["lost"] or report["waiting"]
    table = Table(title=None if missing else "aimass demo: every record accounted for")
    table.add_column("topic")
    for column in ("in", "answered", "quiet", "dead", "p50 ms", "p99 ms", "first"):
        table.add_column(column, justify="right")
    for topic, counts in report["topics"].items():
        first, latency = counts["seconds_to_first_answer"], counts["latency_ms"]
        table.add_row(
            Name(topic),
            *(f"{counts[fate]:,}" for fate in FATES),
            f"{latency['p50']:,.0f}",
            f"{latency['p99']:,.0f}",
            "" if first is None else f"{first:,.1f} s",
        )
    broken = report["broken"]
    style = "bold red" if report["lost"] else "bold green"
    count = report["waiting"]
    waiting = f", [bold yellow]not answered yet {count:,}[/]" if count else ""
    table.caption = (
        f"[{style}]lost {report['lost']:,}[/]{waiting}, duplicated {report['duplicated']} "
        f"({report['differing']} differing); broken on purpose {broken['sent']}, "
        f"of these dead-lettered {broken['dead_lettered']}"
    )
    return table


def _quality_table(report: dict[str, Any]) -> Table:
    """Every share that the acts measured, beside its baseline."""
    table = Table()
    for column in ("topic", "figure"):
        table.add_column(column)
    for column in ("measured", "baseline"):
        table.add_column(column, justify="right")
    table.add_column("baseline is")
    for topic, figures in report["quality"].items():
        for name, figure in figures.items():
            for part, value in figure.items():
                if part.startswith("baseline") or not isinstance(value, float | None):
                    continue
                table.add_row(
                    Name(topic),
                    f"{name.replace('_', ' ')}: {part.replace('_', ' ')}",
                    _percent(value),
                    _percent(figure.get(f"baseline_{part}", figure.get("baseline"))),
                    figure.get("baseline_is", ""),
                )
    return table


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def encode_report(report: dict[str, Any]) -> bytes:
    """The report as a JSON file."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n"
