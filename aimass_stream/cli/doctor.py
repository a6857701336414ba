"""`aimass doctor`: is everything here that a worker needs, and if not, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aimass_stream.cli.app_place import AppName
from aimass_stream.cli.terminal import command, hush_clients, make_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aimass_stream.cli.app_report import AppQuestion, AppReport
    from aimass_stream.cli.checks.finding import Finding
    from aimass_stream.config import Settings

COLOURS = {"OK": "green", "WARN": "yellow", "FAIL": "bold red"}


@command
def doctor(
    *,
    app_name: AppName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at everything a worker needs: versions, broker, topics, models, disk, device.

    Changes nothing and starts nothing. Ends with 1 if anything fails, else with 0.

    Example: aimass doctor --json
    """
    hush_clients()
    findings = []
    for finding in examine(app_name):
        findings.append(finding)
        if not as_json:
            _print_lines(finding)
    if as_json:
        _print_json(findings)
    if any(finding.status == "FAIL" for finding in findings):
        raise typer.Exit(1)


def examine(name: str | None) -> Iterator[Finding]:
    """Run every check; what takes long runs beside the rest.

    Args:
        name: the package that holds the app; None for the one of this folder.
    """
    from aimass_stream.cli.app_place import DEFAULT, is_app_there
    from aimass_stream.cli.app_report import AppQuestion
    from aimass_stream.cli.checks.machine import (
        check_device,
        check_disk,
        check_packages,
        check_python,
    )
    from aimass_stream.cli.checks.settings import check_settings

    app_name = name or DEFAULT
    question = AppQuestion(app_name) if is_app_there(name) else None
    try:
        yield check_python()
        yield check_packages()
        yield check_device()
        conf, finding = check_settings()
        yield finding
        if conf is None:
            return
        yield check_disk(conf.state)
        yield from _examine_app(app_name, question, conf)
    finally:
        if question is not None:
            question.drop()


def _examine_app(app_name: str, question: AppQuestion | None, conf: Settings) -> Iterator[Finding]:
    from aimass_stream.cli.checks.broker import check_broker, check_topics
    from aimass_stream.cli.checks.finding import warn
    from aimass_stream.cli.checks.models import check_lacks, check_models

    seen, finding = check_broker(conf)
    yield finding
    report, finding = _ask(app_name, question)
    yield finding
    if report is not None and seen is not None:
        yield from check_topics(report, seen)
    elif report is not None:
        fix = "Start the broker (aimass kafka start), then look again"
        yield warn("topics", "not looked at, because no broker answers", fix)
    if report is not None:
        yield from check_lacks(report.lacks)
    yield from check_models(report.models if report else None, conf.models_folder)


def _ask(app_name: str, question: AppQuestion | None) -> tuple[AppReport | None, Finding]:
    from aimass_stream.cli.checks.finding import fail, ok, warn
    from aimass_stream.errors import ConfigError

    if question is None:
        fix = (
            "Go to the folder of your project, make one with aimass init DIR, or name its package: "
            "aimass doctor --app PACKAGE"
        )
        return None, warn("app", f"no package {app_name} in {Path.cwd()}", fix)
    try:
        report = question.answer()
    except ConfigError as error:
        return None, fail("app", str(error), f"Correct the package {app_name}")
    agents = [f"{agent.name}: {agent.topic} -> {agent.to or 'nothing'}" for agent in report.agents]
    return report, ok("app", f"{report.id}, from {app_name}", agents)


def _print_lines(finding: Finding) -> None:
    from rich.text import Text

    from aimass_stream.cli.record_text import escape

    line = Text(f"{finding.status:<5}", COLOURS[finding.status])
    line.append(f"{finding.check:<10}", "bold").append(escape(finding.text), "default")
    console = make_console()
    console.print(line, soft_wrap=True)
    for detail in finding.details:
        console.print(Text(f"{'':15}{escape(detail)}", "dim"), soft_wrap=True)
    if finding.fix:
        console.print(Text(f"{'':15}Fix: {finding.fix}"), soft_wrap=True)


def _print_json(findings: list[Finding]) -> None:
    import orjson

    about = {"ok": all(f.status != "FAIL" for f in findings), "findings": findings}
    typer.echo(orjson.dumps(about, option=orjson.OPT_INDENT_2))
