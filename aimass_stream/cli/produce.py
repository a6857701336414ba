"""`aimass produce`: a folder or files onto a topic, one record an item, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from aimass_stream.cli.producing.errand import Errand
from aimass_stream.cli.producing.event_form import (
    EventForm,
    EventFormat,
    EventKind,
    TimeUnit,
    parse_columns,
)
from aimass_stream.cli.producing.items import Form, KeyFrom
from aimass_stream.cli.terminal import command, hush_clients

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimass_stream.cli.producing.errand import Cargo
    from aimass_stream.config import Settings

produce_app = typer.Typer(no_args_is_help=True, help="Send what files hold to a topic, resumably.")


def parse_rate(text: str) -> float:
    """A rate written as `50` or `50/s`.

    Raises:
        BadParameter: it is none, or none that ever sends anything.
    """
    try:
        rate = float(text.removesuffix("/s"))
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise typer.BadParameter(f"{text!r} is no rate; write for example 50 or 50/s")
    return rate


Folder = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", exists=True, file_okay=False, help="Folder to send, and all below it."
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        parser=parse_rate,
        metavar="N/s",
        help="Records a second.",
        show_default="as fast as the broker takes them",
    ),
]
TopicName = Annotated[str, typer.Option(help="Topic to send to.")]
FormName = Annotated[
    Form, typer.Option(help="The file itself, base64 in JSON, or a claim: where it lies.")
]
KeySource = Annotated[
    KeyFrom, typer.Option(help="Key of a record: the file's name in DIR, or its folder.")
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Only the first N.", show_default="all")
]
Again = Annotated[
    bool, typer.Option("--again", help="Send also what earlier runs sent, from the start.")
]
AppName = Annotated[
    str,
    typer.Option("--app", help="Package whose topics are created where they are missing."),
]
Create = Annotated[
    bool, typer.Option("--create", help="Create the topic even if the app declares none like it.")
]

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Files to send, by line."),
]
TextField = Annotated[
    str, typer.Option("--field", metavar="NAME", help="Of a JSON object: where its text stands.")
]
KeyField = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of a JSON object: its key.", show_default="file:line"),
]
Labelled = Annotated[
    bool,
    typer.Option("--labelled", help="A line begins with its label, which goes along as metadata."),
]
Encoding = Annotated[str, typer.Option(metavar="NAME", help="Of lines of text.")]


@produce_app.command()
@command
def images(  # noqa: PLR0913 - the options of a command
    folder: Folder,
    *,
    topic: TopicName = "images",
    rate: Rate = None,
    form: FormName = Form.RAW,
    key_from: KeySource = KeyFrom.NAME,
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send every .jpg, .jpeg and .png below DIR, in order of name.

    What the broker has acknowledged is noted under the state folder: after Ctrl-C or a crash
    the same command sends the rest. Files are sent as they are, damaged ones too; those too
    large for a message go as claim checks where the setting claim_prefixes allows it. Each
    record carries its file's name, and its folder as a label.

    Example: aimass produce images photos --topic images --rate 50/s
    """
    from aimass_stream.cli.producing.images import IMAGES
    from aimass_stream.cli.producing.payloads import find_payloads

    errand = Errand(
        noun=IMAGES.noun,
        record=IMAGES.record.__name__,
        folder=folder.resolve(),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
    )
    _send(errand, lambda conf: find_payloads(errand.folder, conf, IMAGES, form, key_from))


@produce_app.command()
@command
def audio(  # noqa: PLR0913 - the options of a command
    folder: Folder,
    *,
    topic: TopicName = "audio",
    rate: Rate = None,
    form: FormName = Form.RAW,
    key_from: KeySource = KeyFrom.NAME,
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send every .wav, .flac, .ogg, .oga and .opus below DIR, in order of name.

    In all else as `aimass produce images`: resumable, each file as it is, with its name and
    folder beside it.

    Example: aimass produce audio recordings --rate 20/s
    """
    from aimass_stream.cli.producing.audio import AUDIO
    from aimass_stream.cli.producing.payloads import find_payloads

    errand = Errand(
        noun=AUDIO.noun,
        record=AUDIO.record.__name__,
        folder=folder.resolve(),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
    )
    _send(errand, lambda conf: find_payloads(errand.folder, conf, AUDIO, form, key_from))


@produce_app.command()
@command
def clips(  # noqa: PLR0913 - the options of a command
    folder: Folder,
    *,
    topic: TopicName = "clips",
    rate: Rate = None,
    form: FormName = Form.RAW,
    key_from: KeySource = KeyFrom.NAME,
    limit: Limit = None,
    again: Again = False,
    create: Create = False,
    app_name: AppName = "agents",
) -> None:
    """Send every .gif and .webp below DIR, in order of name.

    In all else as `aimass produce images`: resumable, each file as it is, with its name and
    folder beside it.

    Example: aimass produce clips doors --rate 5/s
    """
    from aimass_stream.cli.producing.clips import CLIPS
    from aimass_stream.cli.producing.payloads import find_payloads

    errand = Errand(
        noun=CLIPS.noun,
        record=CLIPS.record.__name__,
        folder=folder.resolve(),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        create=create,
        app=app_name,
    )
    _send(errand, lambda conf: find_payloads(errand.folder, conf, CLIPS, form, key_from))


def _check_columns(text: str | None) -> str | None:
    try:
        parse_columns(text or "user=user")
    except ValueError as error:
        raise typer.BadParameter(f"{error}; write for example user=userId,item=movieId") from None
    return text


@produce_app.command()
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
    _send(errand, lambda _: find_events([first, *more], form))


@produce_app.command()
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
    _send(errand, lambda _: find_texts([first, *more], how))


@produce_app.command("json")
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
    _send(errand, lambda _: find_objects([first, *more], key_field))


def _send(errand: Errand, find: Callable[[Settings], Cargo]) -> NoReturn:
    """What every modality's command ends with."""
    import sys

    from aimass_stream.config import load_settings

    hush_clients()
    conf = load_settings()
    cargo = find(conf)
    # The Kafka client takes a second to import; an empty folder need not wait for it.
    from aimass_stream.cli.producing.run import run

    raise typer.Exit(run(errand, cargo, conf, terminal=sys.stderr.isatty()))
