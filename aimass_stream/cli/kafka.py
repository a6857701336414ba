"""`aimass kafka`: the embedded broker of a state folder, started, stopped and looked at by hand.

Commands that need a broker start one by themselves; these are for keeping it between commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimass_stream.cli.terminal import command, say

NOT_RUNNING = 1

kafka_app = typer.Typer(no_args_is_help=True, help="Start, stop or look at the embedded Kafka.")

State = Annotated[
    Path | None,
    typer.Option(help="Folder of the broker's data (AIMASS_STATE).", show_default=".aimass"),
]


@kafka_app.command()
@command
def start(
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port on 127.0.0.1.", show_default="the last one, or a free one"
        ),
    ] = None,
    state: State = None,
) -> None:
    """Start Kafka on this machine and keep it until it is stopped.

    Fetches Kafka (44 MB) the first time. Data is kept over restarts.

    Example: aimass kafka start --port 9092
    """
    from aimass_stream.config import load_settings
    from aimass_stream.kafka.embedded import start_broker

    broker = start_broker(load_settings(state=state).state, say=say, port=port)
    typer.echo(broker.url)


@kafka_app.command()
@command
def stop(state: State = None) -> None:
    """Stop Kafka, also while others use it. Its data stays.

    Example: aimass kafka stop
    """
    from aimass_stream.config import load_settings
    from aimass_stream.kafka.embedded import stop_broker

    folder = load_settings(state=state).state
    stopped = stop_broker(folder)
    say("Kafka is stopped" if stopped else f"No Kafka runs in {folder}")


@kafka_app.command()
@command
def status(
    state: State = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,  # noqa: FBT002 - an option
) -> None:
    """Say whether Kafka runs, and where. Ends with 0 if it does, else with 1.

    Example: aimass kafka status --json
    """
    import orjson

    from aimass_stream.config import load_settings
    from aimass_stream.kafka.embedded import find_broker

    folder = load_settings(state=state).state
    broker = find_broker(folder)
    if as_json:
        about = {
            "running": broker is not None,
            "url": broker.url if broker else None,
            "pid": broker.pid if broker else None,
            "kept": broker.kept if broker else None,
            "folder": str(folder.absolute() / "kafka"),
        }
        typer.echo(orjson.dumps(about, option=orjson.OPT_INDENT_2))
    elif broker:
        until = "it is stopped" if broker.kept else "its last user leaves"
        typer.echo(f"{broker.url} runs until {until}: process {broker.pid}, data {broker.folder}")
    else:
        typer.echo(f"No Kafka runs in {folder}. Start it: aimass kafka start")
    if broker is None:
        raise typer.Exit(NOT_RUNNING)
