"""`aimass dlq`: the dead letters of an app, listed, shown, and replayed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aimass_stream.cli.terminal import command

if TYPE_CHECKING:
    from aimass_stream.cli.letters.selection import Selection

SHOWN = 20
"""Letters listed one by one, where nothing else is asked for."""

dlq_app = typer.Typer(
    no_args_is_help=True, help="List, show or replay dead letters: records without an answer."
)


def _each(read: Callable[[str], object]) -> Callable[[list[str] | None], list[str] | None]:
    """Refuse a word of a repeatable option that cannot be read."""

    def check(words: list[str] | None) -> list[str] | None:
        for word in words or ():
            _read(read, word)
        return words

    return check


def _read(read: Callable[[str], Any], word: str) -> Any:
    try:
        return read(word)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _reason(word: str) -> str:
    from aimass_stream.cli.letters.selection import read_reason

    return read_reason(word)


def _moment(text: str | None) -> int | None:
    from aimass_stream.cli.letters.selection import read_moment

    now = datetime.now().astimezone()
    return None if text is None else _read(lambda word: read_moment(word, now), text)


def _check_moment(text: str | None) -> str | None:
    _moment(text)
    return text


App = Annotated[str, typer.Option("--app", help="Package that holds the app, as for a worker.")]
AppId = Annotated[
    str | None,
    typer.Option("--app-id", help="The app's id, where its package is not here.", metavar="ID"),
]
Reasons = Annotated[
    list[str] | None,
    typer.Option(
        "--reason", metavar="REASON", callback=_each(_reason), help="Of this reason; repeatable."
    ),
]
Agents = Annotated[
    list[str] | None,
    typer.Option("--agent", metavar="NAME", help="Of this agent; repeatable."),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME[@VERSION]", help="Of this model; repeatable."),
]
Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="TOPIC", help="Of records of this topic; repeatable."),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="2h|TIME",
        callback=_check_moment,
        help="Dead-lettered since: so long ago, or an ISO time.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(metavar="2h|TIME", callback=_check_moment, help="Dead-lettered before."),
]
Ids = Annotated[
    list[str] | None,
    typer.Option(
        "--id",
        metavar="ID|PLACE",
        help="This letter: its aimass-id, its partition/offset, or its record's "
        "topic/partition/offset; repeatable.",
    ),
]


@dlq_app.command("list")
@command
def list_letters(  # noqa: PLR0913 - the options of a command
    *,
    reason: Reasons = None,
    agent: Agents = None,
    model: Models = None,
    topic: Topics = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="Letters listed one by one.", show_default="20; --json: all"
        ),
    ] = None,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    app: App = "agents",
    app_id: AppId = None,
) -> None:
    """Count dead letters by reason, agent, topic and model; then list them, the newest first.

    Reads beside every consumer group and changes nothing.

    Example: aimass dlq list --reason model_error --since 2h
    """
    from aimass_stream.cli.letters.errands import ListErrand, run_list

    selection = _selection(reason, agent, model, topic, since, until, ids)
    rows = SHOWN if limit is None and not as_json else limit
    run_list(ListErrand(selection, rows, "oldest" if oldest else "newest", as_json), app, app_id)


@dlq_app.command()
@command
def show(
    letter: Annotated[
        str,
        typer.Argument(
            metavar="ID|PLACE",
            help="An aimass-id, partition/offset of the letter, or topic/partition/offset of its "
            "record.",
        ),
    ],
    *,
    payload: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the record's payload to a new file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    app: App = "agents",
    app_id: AppId = None,
) -> None:
    """Show everything of a dead letter: why, where from, traceback, headers and payload.

    What cannot be printed is written out, so nothing in it can act on the terminal. A payload
    in the payload store is fetched from there. Where several letters are meant, all are shown.

    Example: aimass dlq show 2/113 --payload culprit.png
    """
    from aimass_stream.cli.letters.errands import ShowErrand, run_show

    run_show(ShowErrand(letter, payload, as_json), app, app_id)


@dlq_app.command()
@command
def replay(  # noqa: PLR0913 - the options of a command
    *,
    reason: Reasons = None,
    agent: Agents = None,
    model: Models = None,
    topic: Topics = None,
    since: Since = None,
    until: Until = None,
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="All; else give a filter.")] = False,
    to_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME@VERSION",
            help="Run the agent here, with this version, rather than send to the source topic.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only so many, the oldest.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also those that were replayed before.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    app: App = "agents",
    app_id: AppId = None,
) -> None:
    """Try dead letters again: on their source topic, or here with a model version.

    A record goes to its topic and partition again, with its key, time and headers, so that
    answers to it have the ids they would have had. With --to-model the agent itself is run over
    the records, here and outside the group; what it answers, and that it did, is written as a
    worker would. Each letter is noted on a topic of replays, with who did it, and is not
    replayed again unless --again is given. Ctrl-C finishes what is in hand.

    Example: aimass dlq replay --reason model_error --since 2h --dry-run
    """
    from aimass_stream.cli.letters.replay_errand import ReplayErrand, run_replay

    selection = _selection(reason, agent, model, topic, since, until, ids)
    if not selection and not everything:
        raise typer.BadParameter("Give a filter such as --reason, or --all for every letter.")
    errand = ReplayErrand(
        selection=selection,
        to_model=to_model,
        limit=limit,
        again=again,
        dry_run=dry_run,
        ask=not yes,
    )
    raise typer.Exit(run_replay(errand, app, app_id))


def _selection(  # noqa: PLR0913 - the filters of every command
    reason: list[str] | None,
    agent: list[str] | None,
    model: list[str] | None,
    topic: list[str] | None,
    since: str | None,
    until: str | None,
    ids: list[str] | None,
) -> Selection:
    from aimass_stream.cli.letters.selection import Selection

    given = {"reason": reason, "agent": agent, "model": model, "topic": topic, "id": ids}
    words = [f"--{name} {each}" for name, held in given.items() for each in held or ()]
    words += [f"--{name} {held}" for name, held in (("since", since), ("until", until)) if held]
    return Selection(
        reasons=tuple(reason or ()),
        agents=tuple(agent or ()),
        models=tuple(model or ()),
        topics=tuple(topic or ()),
        since_ms=_moment(since),
        until_ms=_moment(until),
        ids=tuple(ids or ()),
        words=tuple(words),
    )
