"""A run of `aimass verify`: from what was typed to a table, a report and an exit code."""

from __future__ import annotations

import random
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import typer
from rich.console import Console

from aimass_stream.cli.app_place import has_app
from aimass_stream.cli.app_report import NO_BROKER, AppQuestion, AppReport
from aimass_stream.cli.terminal import make_console
from aimass_stream.cli.units import count_text
from aimass_stream.cli.verify import START_S
from aimass_stream.cli.verifying.inputs import parse_inputs, read_inputs
from aimass_stream.cli.verifying.view import View, list_table, result_table
from aimass_stream.config import Settings, load_settings
from aimass_stream.errors import ConfigError
from aimass_stream.records import Example
from aimass_stream.verify.application import Application, Need
from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Report, Row, Verdict
from aimass_stream.verify.oracle import Watched
from aimass_stream.verify.run import Plan, Verification
from aimass_stream.verify.scene import Setting
from aimass_stream.verify.soak import SOAK_ROW
from aimass_stream.verify.suite import choose

INTERRUPTED = 130
EXAMPLES = 40
"""Examples drawn for a source topic; they are sent over and over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What `aimass verify` was asked for; see its help."""

    app: str
    inputs: Sequence[str]
    quick: bool
    only: Sequence[str]
    seed: int | None
    rate: float
    start_s: float
    soak_minutes: float
    report: Path | None
    keep: bool


def run(options: VerifyOptions) -> int:
    """Verify the application of this folder.

    Returns:
        0 when every fault that was run passes, 130 when it was interrupted, else 1.

    Raises:
        AimassError: nothing was shown, because something could not be started.
        BadParameter: an option's value is of no use.
    """
    console, conf = make_console(), load_settings()
    faults = _choose(options.only, quick=options.quick)
    seed = random.randrange(10**6) if options.seed is None else options.seed  # noqa: S311 - no secret
    app = _know(options, conf, seed)
    command = _command(options, seed)
    console.print(f"Seed {seed}. The same again: {command}", soft_wrap=True)
    view = View(console, len(faults))
    env = {"AIMASS_MODELS": str(conf.models_folder.absolute())}
    plan = Plan(
        faults,
        Setting(seed, options.rate, env, view.say, options.start_s),
        options.soak_minutes,
        options.keep,
        command,
    )
    verification = Verification(app, plan, view)
    try:
        with view.following(verification):
            verification.run()
    finally:
        report = verification.report()
        _tell(console, report, options.report)
    return INTERRUPTED if verification.interrupted else int(not report.passed)


def print_list(console: Console, only: Sequence[str], *, quick: bool) -> None:
    """The faults that would be run, with what each promises and what it needs.

    Raises:
        BadParameter: a name is of no fault, or of several.
    """
    console.print(list_table(_choose(only, quick=quick)))


def _choose(only: Sequence[str], *, quick: bool) -> list[type[Fault]]:
    try:
        return choose(only, quick=quick)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--only") from None


def _tell(console: Console, report: Report, file: Path | None) -> None:
    if report.faults:
        console.print(result_table(report.faults))
        console.print(summary_of(report.faults), soft_wrap=True)
    if foreign := sum((Counter(row.foreign) for row in report.faults), Counter[str]()):
        where = ", ".join(f"{count:,} on {topic}" for topic, count in sorted(foreign.items()))
        console.print(
            f"Left out, since no engine wrote them: {where}.", soft_wrap=True, markup=False
        )
    for row in report.faults:
        if row.why:
            console.print(f"{row.fault}: {row.why}", soft_wrap=True, markup=False)
    if not report.passed:
        console.print(f"The same again: {report.command}", soft_wrap=True)
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
        console.print(f"Report written to {file}", soft_wrap=True)


def summary_of(rows: Sequence[Row]) -> str:
    """One sentence on all of it; the row of a soak sums up the others and adds nothing."""
    faults = [row for row in rows if row.row != SOAK_ROW]
    count = Counter(row.verdict for row in faults)
    lost, differing = sum(row.lost for row in faults), sum(row.differing for row in faults)
    records = sum(row.records for row in faults)
    return (
        f"{count_text(len(faults), 'fault')}: {count[Verdict.PASS]} passed, "
        f"{count[Verdict.FAIL]} failed, {count[Verdict.SKIPPED]} skipped. "
        f"Of {count_text(records, 'record')} {lost:,} were lost; "
        f"{differing:,} repeats said something else."
    )


def _command(options: VerifyOptions, seed: int) -> str:
    words = ["aimass", "verify", "--seed", str(seed)]
    words += ["--app", options.app] if options.app != "agents" else []
    words += ["--quick"] if options.quick else []
    words += ["--rate", f"{options.rate:g}"]
    if options.start_s != START_S:
        words += ["--start-within", f"{options.start_s:g}"]
    words += ["--soak", f"{options.soak_minutes:g}"] if options.soak_minutes else []
    for name in options.only:
        words += ["--only", name]
    for named in options.inputs:
        words += ["--inputs", named]
    return shlex.join(words)


def _know(options: VerifyOptions, conf: Settings, seed: int) -> Application:
    """What the application declares, with something to send to each of its source topics.

    Raises:
        ConfigError: there is no such application, it leads elsewhere than to the scratch Kafka,
            or a source topic has no inputs.
    """
    if not has_app(options.app):
        raise ConfigError(
            f"No package {options.app} in {Path.cwd()}. Type this in the folder that holds it, or "
            "name another one: aimass verify --app PACKAGE"
        )
    env = {"AIMASS_BROKER": NO_BROKER}
    report = AppQuestion(options.app, env, examples=EXAMPLES, seed=seed).answer()
    if report.brokers != [NO_BROKER]:
        raise ConfigError(
            f"{options.app} connects to {', '.join(report.brokers)} whatever AIMASS_BROKER says, "
            "and verify must not touch that. Take the broker out of the code, and name it in "
            "aimass.toml or AIMASS_BROKER."
        )
    return Application(
        package=options.app,
        id=report.id,
        folder=Path.cwd(),
        agents=[Watched(agent.name, agent.topic, agent.to) for agent in report.agents],
        plans=report.plans,
        inputs=_inputs(options, report, conf),
        kinds={source.topic: source.record for source in report.sources},
        checked=frozenset(source.topic for source in report.sources if source.checked),
        offers=_offers(report),
    )


def _offers(report: AppReport) -> frozenset[Need]:
    has = {
        Need.MODEL: bool(report.models),
        Need.LEARNER: bool(report.learners),
        Need.CHAIN: bool({a.to for a in report.agents} & {a.topic for a in report.agents}),
        Need.CHECKED: any(source.checked for source in report.sources),
    }
    return frozenset(need for need, there in has.items() if there)


def _inputs(
    options: VerifyOptions, report: AppReport, conf: Settings
) -> Mapping[str, Sequence[Example]]:
    try:
        paths = parse_inputs(options.inputs)
    except ValueError as error:
        raise typer.BadParameter(
            f"{error}. Write for example --inputs images=photos", param_hint="--inputs"
        ) from None
    sources = {source.topic: source for source in report.sources}
    if unknown := sorted(paths.keys() - sources.keys()):
        raise ConfigError(
            f"{unknown[0]} is no source topic of {report.id}; these are: {', '.join(sources)}"
        )
    read = {topic: read_inputs(sources[topic], path, conf) for topic, path in paths.items()}
    return {**report.examples, **read}
