"""`aimass verify`: the fault suite on the application of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimass_stream.cli.terminal import check_report, command, hush_clients, make_console

RATE = 40.0
START_S = 180.0


@command
def verify(  # noqa: PLR0913 - the options of a command
    *,
    app_name: Annotated[
        str, typer.Option("--app", help="Package that holds the app, as for aimass worker.")
    ] = "agents",
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC=PATH",
            help="A folder of images or audio, or a file of lines, for a source topic; repeatable.",
            show_default="the record type's examples",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only the faults that take seconds; about 3 minutes.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this fault, or part of its name; repeatable."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Of every moment, victim and order.", show_default="another each time"),
    ] = None,
    rate: Annotated[float, typer.Option(min=1, help="Records a second, in all.")] = RATE,
    start_within: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=1, help="A start may stand still for so long."),
    ] = START_S,
    soak: Annotated[
        float,
        typer.Option(metavar="MINUTES", min=0, help="Faults by chance for so long, and growth."),
    ] = 0.0,
    report: Annotated[
        Path | None, typer.Option(help="Write the report here as JSON.", callback=check_report)
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the logs and topics; they are if anything fails.")
    ] = False,
    listed: Annotated[
        bool,
        typer.Option("--list", help="Print the faults, what each promises and needs; run none."),
    ] = False,
) -> None:
    """Break this folder's application in every way we know, and show that nothing is lost.

    Starts a Kafka of its own and aimass worker on this folder's agents, both on a scratch folder
    that goes when all is well. AIMASS_BROKER is never touched, nor are snapshots and payloads;
    only the models are yours. Then it sends records at a steady rate, does one fault after the
    other, and lets an oracle that reads only topics say what became of every record: lost,
    duplicated, differing, and how long the recovery took. What agents write elsewhere than to
    topics, they write here too.

    Ends with 0 if every fault passes. The seed is printed first: the same seed makes the same
    choices. Ctrl-C ends everything, and still prints the table.

    Example: aimass verify --quick --report verify.json
    """
    from aimass_stream.cli.verifying.run import VerifyOptions, print_list, run

    if listed and soak:
        raise typer.BadParameter("--list runs nothing; leave out --soak", param_hint="--list")
    if listed:
        print_list(make_console(), tuple(only or ()), quick=quick)
        return
    hush_clients()
    options = VerifyOptions(
        app=app_name,
        inputs=tuple(inputs or ()),
        quick=quick,
        only=tuple(only or ()),
        seed=seed,
        rate=rate,
        start_s=start_within,
        soak_minutes=soak,
        report=report,
        keep=keep,
    )
    raise typer.Exit(run(options))
