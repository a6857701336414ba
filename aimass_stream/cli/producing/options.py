"""What the commands of `aimass produce` have in common: their options, and how each ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from aimass_stream.cli.producing.items import Form, KeyFrom
from aimass_stream.cli.terminal import hush_clients

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimass_stream.cli.producing.errand import Cargo, Errand
    from aimass_stream.config import Settings


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


def send_cargo(errand: Errand, find: Callable[[Settings], Cargo]) -> NoReturn:
    """What every modality's command ends with."""
    import sys

    from aimass_stream.config import load_settings

    hush_clients()
    conf = load_settings()
    cargo = find(conf)
    # The Kafka client takes a second to import; an empty folder need not wait for it.
    from aimass_stream.cli.producing.run import run

    raise typer.Exit(run(errand, cargo, conf, terminal=sys.stderr.isatty()))
