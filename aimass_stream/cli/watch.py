"""`aimass watch`: a live look at any topic, one line a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aimass_stream.cli.terminal import command, hush_clients, use_broker

if TYPE_CHECKING:
    from aimass_stream.cli.watching import WatchOptions

RECENT = 10
"""Records shown from before, where nothing else is asked for."""


def _check_start(text: str | None) -> str | None:
    if text is None or text in ("beginning", "end"):
        return text
    try:
        int(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is none of: beginning, end, an offset such as 120, the last few as in -5"
        ) from None
    return text


Start = Annotated[
    str,
    typer.Option(
        "--from",
        callback=_check_start,
        metavar="beginning|end|OFFSET",
        help="Where to begin in every partition; -N is the last N of the topic.",
    ),
]


@command
def watch(  # noqa: PLR0913 - the options of a command
    topic: Annotated[str, typer.Argument(help="Topic to watch.", metavar="TOPIC")],
    *,
    start: Start = f"-{RECENT}",
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="End after N records.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Only records of this key, as from a feed.", show_default="records of all keys"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, values uncut.")
    ] = False,
    headers: Annotated[bool, typer.Option("--headers", help="Show all headers.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for more, or end with the topic.")
    ] = True,
    app: Annotated[
        str, typer.Option(help="Package whose topics are waited for where they are not there yet.")
    ] = "agents",
) -> None:
    """Show the records of a topic as they arrive; Ctrl-C ends.

    Reads beside every consumer group and changes nothing. Answers show the model and the record
    they answer; dead letters the reason and the error.

    A topic that the app of this folder declares, and no worker has made yet, is waited for,
    unless --no-follow is given. With --key the last few of that key are looked for from the
    beginning of the topic.

    Example: aimass watch predictions.images --from beginning --limit 20
    """
    from aimass_stream.cli.watching import WatchOptions

    try:
        _watch(
            WatchOptions(
                topic=topic,
                start=start,
                limit=limit,
                key=key,
                headers=headers,
                as_json=as_json,
                follow=follow,
                app=app,
            )
        )
    except KeyboardInterrupt:
        return


def _watch(options: WatchOptions) -> None:
    import asyncio
    import os
    import sys

    from aimass_stream.cli.watching import Watch
    from aimass_stream.config import load_settings

    hush_clients()
    try:
        with use_broker(load_settings(), is_brief=True) as url:
            asyncio.run(Watch(options, url).run())
    except BrokenPipeError:
        # The reader of a pipe has seen enough; what Python would flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
