"""What `aimass audit` reads and shows."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import orjson
from rich.table import Table
from rich.text import Text

from aimass_stream.cli.app_place import check_app
from aimass_stream.cli.app_report import AppQuestion, AppReport
from aimass_stream.cli.record_text import escape
from aimass_stream.cli.tables import Name, print_table
from aimass_stream.cli.terminal import make_console, say, use_broker
from aimass_stream.cli.units import count_text
from aimass_stream.config import load_settings
from aimass_stream.kafka.groups import read_committed
from aimass_stream.kafka.letters import read_replays
from aimass_stream.kafka.outcomes import outcomes_topic
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.replays import replays_topic
from aimass_stream.kafka.survey import NeverRanError, survey
from aimass_stream.verify.audit import Audit, audit
from aimass_stream.verify.oracle import Oracle, Watched

COLUMNS = {
    "agent": "agent",
    "came": "came",
    "answered": "answered",
    "quiet": "quiet",
    "dead_lettered": "dead",
    "waiting": "waiting",
    "lost": "lost",
    "repeats": "repeats",
    "differing": "differing",
}


def run_audit(package: str | None, *, as_json: bool) -> bool:
    """Read the topics of an app, print what its records became, and say whether all is sound.

    Args:
        package: that holds the app; None for the one of this folder.
        as_json: print JSON.

    Raises:
        BrokerError: the broker cannot be reached.
        ConfigError: there is no such app.
        NeverRanError: no worker of it has run yet.
    """
    report = AppQuestion(check_app(package)).answer()
    with use_broker(load_settings(), is_brief=True) as url:
        audits = asyncio.run(_read(url, report))
    if as_json:
        for each in audits:
            sys.stdout.buffer.write(orjson.dumps(asdict(each)) + b"\n")
    else:
        _show(report.id, audits)
    return all(each.is_sound for each in audits)


async def _read(url: str, report: AppReport) -> list[Audit]:
    watched = [Watched(each.name, each.topic, each.to) for each in report.agents]
    outcomes = outcomes_topic(report.id)
    topics = (await survey(bootstrap_servers(url))).topics
    if outcomes not in topics:
        raise NeverRanError(report.id, outcomes, url)
    # Asked for first: what is committed by now has its outcome on the topic.
    committed = await read_committed(url, report.id)
    replays = await read_replays(url, report.id) if replays_topic(report.id) in topics else []
    async with Oracle(url, report.id, watched) as oracle:
        await _catch_up(oracle)
        if not oracle.settled():
            # Answers lie before their outcomes, and may have come behind the end of their topic.
            await oracle.catch_up()
        return [
            audit(
                each,
                oracle.accounts[each.agent],
                committed,
                replays,
                _foreign_to(each, oracle.foreign, report),
            )
            for each in watched
        ]


def _foreign_to(
    watched: Watched, foreign: Mapping[str, int], report: AppReport
) -> Mapping[str, int]:
    """Of what no engine wrote, what an agent's account leaves out, by topic in order of name."""
    read = {watched.to, *report.own_topics}
    return {topic: count for topic, count in sorted(foreign.items()) if topic in read}


async def _catch_up(oracle: Oracle) -> None:
    reading = asyncio.create_task(oracle.catch_up())
    is_terminal = sys.stderr.isatty()
    while not reading.done():
        await asyncio.wait([reading], timeout=1)
        if is_terminal and not reading.done():
            say(f"{count_text(_records(oracle), 'record')} read")
    reading.result()


def _records(oracle: Oracle) -> int:
    return sum(len(account.arrived_ms) for account in oracle.accounts.values())


def _show(app_id: str, audits: Sequence[Audit]) -> None:
    table = Table(title=f"Records of {app_id}", title_justify="left", box=None, pad_edge=False)
    for name, header in COLUMNS.items():
        table.add_column(header, justify="left" if name == "agent" else "right")
    for each in audits:
        numbers = [f"{getattr(each, name):,}" for name in list(COLUMNS)[1:]]
        table.add_row(Name(each.agent), *numbers, style=None if each.is_sound else "red")
    console = make_console()
    print_table(console, table)
    for line in _sentences(audits):
        console.print(Text(line), soft_wrap=not console.is_terminal)


def _sentences(audits: Sequence[Audit]) -> list[str]:
    """What the table does not say by itself."""
    lines = []
    if unborne := sum(each.unborne for each in audits):
        lines.append(
            f"Of {unborne:,} more, the outcome speaks of an answer or a dead letter that "
            "its topic does not hold any more: older than its retention, or overwritten there."
        )
    if replays := sum(each.replays for each in audits):
        lines.append(f"Of those that came, {replays:,} are replays of dead letters.")
    if since := sum(each.answered_since for each in audits):
        lines.append(f"Of the dead, {since:,} were replayed and answered since.")
    if waiting := sum(each.waiting for each in audits):
        lines.append(f"{waiting:,} have no outcome yet: a worker reads them next.")
    if lost := sum(each.lost for each in audits):
        lines.append(f"{lost:,} are committed, and nothing speaks of them.")
    if not any(each.unborne or each.waiting or each.lost for each in audits):
        lines.append("Every record has its outcome.")
    foreign = {topic: count for each in audits for topic, count in each.foreign.items()}
    if foreign:
        where = ", ".join(
            f"{count_text(count, 'record')} on {escape(topic)}" for topic, count in foreign.items()
        )
        lines.append(f"Left out, since no engine wrote it: {where}.")
    return lines
