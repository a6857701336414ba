"""The demo's report: what was lost, how right the answers were, how long they took."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from aimass_stream.cli.demo.stream import Truth
from aimass_stream.cli.demo.view import percentile
from aimass_stream.records import Prediction
from aimass_stream.training.digits import NearestMean
from aimass_stream.verify.oracle import Account

_prediction = msgspec.json.Decoder(Prediction)


def make_report(
    topic: str, agent: str, account: Account, truth: Truth, seconds_to_first_answer: float | None
) -> dict[str, Any]:
    """Put the oracle's account beside the truth.

    `lost` counts records of the stream with no outcome, or with one that no topic bears out,
    and records that were acknowledged but are not on the topic.
    """
    sent = {*truth.labels, *truth.broken}
    lost = len(account.lost()) + len(sent - account.arrived_ms.keys())
    latencies_ms = account.latencies_ms()
    counts = account.counts()
    reasons: dict[str, int] = {}
    for reason in account.dead.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    return {
        "lost": lost,
        "duplicated": account.duplicated,
        "differing": account.differing,
        "topics": {topic: {**counts, "agents": {agent: counts}}},
        "broken": {
            "sent": len(truth.broken),
            "dead_lettered": len(truth.broken.keys() & account.dead.keys()),
            "whole_dead_lettered": len(truth.labels.keys() & account.dead.keys()),
            "reasons": reasons,
        },
        "accuracy": _accuracy(account, truth),
        "latency_ms": {
            "p50": percentile(latencies_ms, 0.50),
            "p99": percentile(latencies_ms, 0.99),
        },
        "seconds_to_first_answer": seconds_to_first_answer,
    }


def _accuracy(account: Account, truth: Truth) -> dict[str, Any]:
    """Of the model on every whole picture, of the baseline on those that were kept."""
    labels = {
        place: _prediction.decode(account.answers[place]).label
        for place in truth.labels
        if place in account.answers
    }
    kept = [place for place in truth.pictures if place in labels]
    if not kept:
        return {"model": None, "baseline": None, "records": 0}
    guesses = NearestMean().predict([truth.pictures[place] for place in kept])
    right = sum(labels[place] == truth.labels[place] for place in labels)
    guessed = sum(guess == truth.labels[p] for guess, p in zip(guesses, kept, strict=True))
    return {
        "model": round(right / len(labels), 4),
        "baseline": round(guessed / len(kept), 4),
        "baseline_is": "nearest mean picture",
        "records": len(labels),
    }


def print_report(console: Console, report: dict[str, Any]) -> None:
    """The report as a table for people."""
    table = Table(title="aimass demo: every record accounted for" if not report["lost"] else None)
    table.add_column("")
    table.add_column("", justify="right")
    for topic, counts in report["topics"].items():
        table.add_row(f"{topic}: in", f"{counts['in']:,}")
        table.add_row("  answered", f"{counts['answered']:,}")
        table.add_row("  quiet", f"{counts['quiet']:,}")
        table.add_row("  dead-lettered", f"{counts['dead_lettered']:,}")
    broken, accuracy = report["broken"], report["accuracy"]
    table.add_row(
        "broken on purpose, dead-lettered", f"{broken['dead_lettered']} of {broken['sent']}"
    )
    lost_style = "bold red" if report["lost"] else "bold green"
    table.add_row("lost", str(report["lost"]), style=lost_style)
    table.add_row("duplicated (differing)", f"{report['duplicated']} ({report['differing']})")
    if accuracy["model"] is not None:
        table.add_row("accuracy of the model", f"{accuracy['model']:.1%}")
        table.add_row(f"accuracy of the {accuracy['baseline_is']}", f"{accuracy['baseline']:.1%}")
    latency = report["latency_ms"]
    table.add_row("latency p50 / p99", f"{latency['p50']:.0f} / {latency['p99']:.0f} ms")
    if report["seconds_to_first_answer"] is not None:
        table.add_row("first answer after", f"{report['seconds_to_first_answer']:.1f} s")
    console.print(table)


def encode_report(report: dict[str, Any]) -> bytes:
    """The report as a JSON file."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n"
