"""`aimass dlq replay`, from its options to what it prints."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import typer
from aiokafka.errors import KafkaError

from aimass_stream.app import App
from aimass_stream.cli.app_place import has_app
from aimass_stream.cli.app_report import AgentReport, AppReport, held_models, report_app
from aimass_stream.cli.letters.plan import Plan, end_lines, plan_lines
from aimass_stream.cli.letters.replaying import Pick, Replaying, ToSource, Way, pick_letters
from aimass_stream.cli.letters.selection import Selection, app_id_of
from aimass_stream.cli.letters.to_model import ToModel
from aimass_stream.cli.terminal import hush_clients, use_broker
from aimass_stream.cli.worker_process import load_app
from aimass_stream.config import Settings, settings
from aimass_stream.errors import AimassError, ConfigError
from aimass_stream.kafka.letters import Letters, read_letters
from aimass_stream.kafka.reader import bootstrap_servers
from aimass_stream.kafka.survey import TopicState, refused, survey

NOT_ALL = 1
"""Exit code where a letter could not be replayed, or was dead-lettered again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayErrand:
    """What `aimass dlq replay` was asked for; see its help."""

    selection: Selection
    to_model: str | None
    limit: int | None
    again: bool
    dry_run: bool
    ask: bool


@dataclass(frozen=True, slots=True)
class _Desk:
    """What a replay works on."""

    url: str
    app_id: str
    letters: Letters
    topics: Mapping[str, TopicState]


def run_replay(errand: ReplayErrand, app_name: str, app_id: str | None) -> int:
    """Replay what is picked, after a look at it.

    Returns:
        The exit code: 0, 1 when some letters are not answered for, 130 or 143 when stopped.

    Raises:
        AimassError: nothing can be replayed, or the replay could not go on.
    """
    conf = settings()
    hush_clients()
    with use_broker(conf) as url:
        app, known_id = _find_app(app_name, app_id, needed=errand.to_model is not None)
        desk = asyncio.run(_read(url, known_id))
        pick = pick_letters(
            desk.letters,
            errand.selection,
            desk.topics,
            again=errand.again,
            per_agent=errand.to_model is not None,
        )
        if errand.limit is not None:
            pick = replace(pick, letters=pick.letters[: errand.limit])
        agents = _agents(app)
        way = _way(errand, app, pick, url)
        if errand.dry_run and isinstance(way, ToModel):
            way.look_for(held_models())
        for line in plan_lines(Plan(pick, errand.to_model, agents)):
            typer.echo(line, err=not errand.dry_run)
        if errand.dry_run:
            typer.echo("A dry run: nothing is sent.", err=True)
        if errand.dry_run or not pick.letters:
            return NOT_ALL if pick.impossible else 0
        if errand.ask and sys.stdin.isatty():
            typer.confirm("Replay them?", abort=True, err=True)
        return asyncio.run(_replay(errand, desk, pick, way, conf))


def _find_app(name: str, app_id: str | None, *, needed: bool) -> tuple[App | None, str]:
    """The app of this folder, where there is one, and the id whose letters are meant."""
    if not has_app(name):
        if needed:
            raise ConfigError(
                f"--to-model runs the app's own agent, and there is no app {name!r} in this "
                "folder. Run it where the app is, or name its package: --app PACKAGE"
            )
        return None, app_id_of(name, app_id)
    app = load_app(name)
    app.discover()
    if app_id is None or app_id == app.conf.id:
        return app, app.conf.id
    if needed:
        raise ConfigError(f"The app here is {app.conf.id}, and its agents answer for no other.")
    return None, app_id


def _agents(app: App | None) -> Sequence[AgentReport]:
    report: AppReport | None = None if app is None else report_app(app)
    return report.agents if report else ()


def _way(errand: ReplayErrand, app: App | None, pick: Pick, url: str) -> Way:
    """How to replay.

    Raises:
        ConfigError: the letters are of several agents, or of one that the app does not have.
    """
    if errand.to_model is None or app is None:
        return ToSource()
    names = sorted({letter.agent for letter in pick.letters})
    if len(names) > 1:
        raise ConfigError(
            f"These letters are of the agents {', '.join(names)}, and --to-model runs one. "
            "Choose it with --agent NAME."
        )
    agent = app.engine_agents.get(names[0]) if names else None
    if names and agent is None:
        raise ConfigError(
            f"The app has no agent {names[0]}. It has: {', '.join(sorted(app.engine_agents))}."
        )
    return ToSource() if agent is None else ToModel(app, agent, url, errand.to_model)


async def _read(url: str, app_id: str) -> _Desk:
    try:
        letters = await read_letters(url, app_id)
        topics = (await survey(bootstrap_servers(url))).topics
    except KafkaError as error:
        raise refused(error) from error
    return _Desk(url, app_id, letters, topics)


async def _replay(errand: ReplayErrand, desk: _Desk, pick: Pick, way: Way, conf: Settings) -> int:
    words = errand.selection.words or ("--all",)
    replaying = Replaying(desk.url, desk.app_id, desk.letters, pick, words)
    problem: AimassError | None = None
    try:
        await replaying.run(way, conf, terminal=sys.stderr.isatty())
    except AimassError as error:
        problem = error
    for line in end_lines(replaying, errand.to_model, stopped=replaying.signal is not None):
        typer.echo(line)
    if problem is not None:
        raise problem
    if replaying.signal is not None:
        return 128 + replaying.signal
    missed = replaying.tally.unsendable or replaying.outcomes["dead_lettered"] or pick.impossible
    return NOT_ALL if missed else 0
