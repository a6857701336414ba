"""`aimass produce`: a folder onto a topic, one record an item, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from aimass_stream.cli.producing.errand import Errand
from aimass_stream.cli.producing.items import Form, KeyFrom
from aimass_stream.cli.terminal import command, hush_clients

if TYPE_CHECKING:
    from collections.abc import Callable

    from aimass_stream.cli.producing.errand import Cargo
    from aimass_stream.config import Settings

produce_app = typer.Typer(
    no_args_is_help=True, help="Send what a folder holds to a topic, resumably."
)


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
TopicName = Annotated[str, typer.Option(help="Topic to send to; created if missing.")]
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
    typer.Option("--app", help="Package whose declaration counts when the topic is created."),
]


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
        folder=folder.resolve(),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
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
        folder=folder.resolve(),
        topic=topic,
        rate=rate,
        limit=limit,
        again=again,
        app=app_name,
    )
    _send(errand, lambda conf: find_payloads(errand.folder, conf, AUDIO, form, key_from))


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
