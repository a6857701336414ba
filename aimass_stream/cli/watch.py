"""`aimass watch`: a live look at any topic, one line a record."""

from __future__ import annotations

from typing import Annotated

import typer

from aimass_stream.cli.terminal import command, hush_clients, use_broker

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
) -> None:
    """Show the records of a topic as they arrive; Ctrl-C ends.

    Reads beside every consumer group and changes nothing. Answers show the model and the record
    they answer; dead letters the reason and the error.

    With --key the last few of that key are looked for from the beginning of the topic.

    Example: aimass watch predictions.images --from beginning --limit 20
    """
    try:
        _watch(topic, start, limit, key, headers=headers, as_json=as_json, follow=follow)
    except KeyboardInterrupt:
        return


def _watch(topic: str, start: str, limit: int | None, key: str | None, **options: bool) -> None:
    import asyncio
    import os
    import sys

    from aimass_stream.cli.watching import Watch, WatchOptions
    from aimass_stream.config import load_settings

    hush_clients()
    wanted = WatchOptions(topic=topic, start=start, limit=limit, key=key, **options)
    try:
        with use_broker(load_settings()) as url:
            asyncio.run(Watch(wanted, url).run())
    except BrokenPipeError:
        # The reader of a pipe has seen enough; what Python would flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
