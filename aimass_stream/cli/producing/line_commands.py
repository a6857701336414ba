"""The commands that send files line by line, one record a line: behaviour, text, JSON objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimass_stream.cli.producing.errand import Errand
from aimass_stream.cli.producing.event_form import (
    EventForm,
    EventFormat,
    EventKind,
    TimeUnit,
    parse_columns,
)
from aimass_stream.cli.producing.options import (
    Again,
    AppName,
    Create,
    Encoding,
    Files,
    KeyField,
    Labelled,
    Limit,
    Rate,
    TextField,
    TopicName,
    send_cargo,
)
from aimass_stream.cli.terminal import command


def _check_columns(text: str | None) -> str | None:
    try:
        parse_columns(text or "user=user")
    except ValueError as error:
        raise typer.BadParameter(f"{error}; write for example user=userId,item=movieId") from None
    return text


@command
def behaviour(  # noqa: PLR0913 - the options of a command
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Files to send."),
    ],
    *,
    topic: TopicName = "behaviour",
    rate: Rate = None,
    what: Annotated[
        EventFormat, typer.Option("--format", help="What a line is; by the file's name if auto.")
    ] = EventFormat.AUTO,
    columns: Annotated[
        str | None,
        typer.Option(
            callback=_check_columns,
            metavar="FIELD=COLUMN,...",
            help="CSV: the columns of user, item, time, lat, lon and altitude.",
            show_default="columns of these names",
        ),
    ] = None,
    kind: Annotated[EventKind, typer.Option(help="CSV: what was done.")] = EventKind.VIEW,
    unit: Annotated[
        TimeUnit, typer.Option("--time-unit", help="CSV: what times are counted in.")
    ] = TimeUnit.MS,
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send the events of files, line by line, keyed by user.

    A line is an event in JSON, a row of a CSV file with a header, or with --format sessions the
    items of one visit: [1, 2, 3] or {"seen": [1, 2], "next": 3}. A visit becomes a click for
    each item, of a user of its own, at made-up times that ascend. Other columns become metadata.

    What the broker has acknowledged is noted under the state folder: after Ctrl-C or a crash
    the same command sends the rest. A line that is no event is not sent: it is named with the
    reason, the others go on, and the command ends with exit code 1.

    Example: aimass produce behaviour clicks.jsonl --rate 200/s
    """
    from aimass_stream.cli.producing.behaviour import find_events

    form = EventForm(what, parse_columns(columns) if columns else {}, kind, unit)
    first, *more = (file.resolve() for file in files)
    errand = Errand(
        noun="event",
        record="Behaviour",
        folder=first,
        more=tuple(more),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
    )
    send_cargo(errand, lambda _: find_events([first, *more], form))


@command
def text(  # noqa: PLR0913 - the options of a command
    files: Files,
    *,
    topic: TopicName = "text",
    rate: Rate = None,
    field: TextField = "text",
    key_field: KeyField = None,
    labelled: Labelled = False,
    encoding: Encoding = "utf-8",
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send every line of the files that is not blank, in order.

    A line is a text; in .jsonl and .ndjson it is a JSON object with a text in it, whose other
    fields go along. What the broker has acknowledged is noted by place and content: after
    Ctrl-C or a crash the same command sends the rest, and of a file that has grown the new
    lines. The key is file:line unless --key-field names another.

    Example: aimass produce text messages.txt --rate 50/s
    """
    from aimass_stream.cli.producing.text import TextForm, find_texts

    first, *more = (file.resolve() for file in files)
    errand = Errand(
        noun="line",
        record="Text",
        folder=first,
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
        more=tuple(more),
    )
    how = TextForm(field, key_field, labelled, encoding)
    send_cargo(errand, lambda _: find_texts([first, *more], how))


@command
def json_objects(  # noqa: PLR0913 - the options of a command
    files: Files,
    *,
    topic: Annotated[str, typer.Option(help="Topic to send to.", show_default=False)],
    key_field: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Field that is the key.", show_default="no key"),
    ] = None,
    rate: Rate = None,
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send every line of the files as it stands: a JSON object of whatever fields your topic has.

    Numbers, vectors, feedback: what the fields mean is for the agents of the topic to say. What
    the broker has acknowledged is noted by place and content: after Ctrl-C or a crash the same
    command sends the rest, and of a file that has grown the new lines. A line that is no JSON
    object is not sent: it is named, the others go on, and the command ends with exit code 1.

    Example: aimass produce json readings.jsonl --topic readings --key-field sensor
    """
    from aimass_stream.cli.producing.objects import find_objects

    first, *more = (file.resolve() for file in files)
    errand = Errand(
        noun="line",
        folder=first,
        more=tuple(more),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
    )
    send_cargo(errand, lambda _: find_objects([first, *more], key_field))
