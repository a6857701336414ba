"""The `aimass` command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from aimass_stream.cli.app_place import AppName
from aimass_stream.cli.audit import audit
from aimass_stream.cli.bandit import bandit
from aimass_stream.cli.dlq import dlq_app
from aimass_stream.cli.doctor import doctor
from aimass_stream.cli.draw import draw
from aimass_stream.cli.init import init
from aimass_stream.cli.kafka import kafka_app
from aimass_stream.cli.models import models_app
from aimass_stream.cli.produce import produce_app
from aimass_stream.cli.terminal import check_report, command
from aimass_stream.cli.verify import verify
from aimass_stream.cli.watch import watch

app = typer.Typer(
    name="aimass",
    epilog="First steps: aimass demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(kafka_app, name="kafka")
app.add_typer(produce_app, name="produce")
app.add_typer(dlq_app, name="dlq")
app.add_typer(models_app, name="models")
app.command("init")(init)
app.command("watch")(watch)
app.command("draw")(draw)
app.command("audit")(audit)
app.command("bandit")(bandit)
app.command("doctor")(doctor)
app.command("verify")(verify)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        from importlib.metadata import version

        typer.echo(f"aimass-stream {version('aimass-stream')}")
        raise typer.Exit


@app.callback()
def begin(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Put a model on a Kafka topic and trust every answer."""


@app.command("worker")
@command
def run_worker(
    name: AppName = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or a CUDA device such as cuda:0.")] = "cpu",
    drain_s: Annotated[
        float, typer.Option(min=0, help="Seconds a worker has to finish after Ctrl-C.")
    ] = 15.0,
    log: Annotated[
        Path | None, typer.Option(help="File for the workers' logs; the terminal if not given.")
    ] = None,
) -> None:
    """Run the agents of this folder, with their models in a device process.

    Ctrl-C finishes what is in hand and commits it; a second one ends at once.

    Example: aimass worker --workers 2
    """
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise typer.BadParameter(f"{device!r} is no device: cpu, cuda or cuda:0 are")
    from aimass_stream.cli.worker import WorkerOptions, supervise

    raise typer.Exit(supervise(WorkerOptions(name, workers, device, drain_s, log)))


@app.command("demo")
@command
def run_demo(
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="How long to stream.")] = 60.0,
    rate: Annotated[float, typer.Option(min=1, help="Records a second.")] = 250.0,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    report: Annotated[
        Path | None, typer.Option(help="Write the report here as JSON.", callback=check_report)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the stream's noise and faults.")] = 0,
) -> None:
    """Stream images, sounds, messages and behaviour of known truth, and account for every record.

    Starts a real Kafka, trains small models the first time, runs `aimass worker` on this
    folder's agents, and reports what was lost (nothing), how right the predictions, alerts and
    recommendations were, each beside a baseline, and how long they took. Ctrl-C stops the
    stream, finishes what is in hand and still reports.

    Example: aimass demo --seconds 20 --report report.json
    """
    from aimass_stream.cli.demo.run import DemoOptions, run

    raise typer.Exit(run(DemoOptions(seconds, rate, workers, report, seed)))


def main() -> None:
    """Entry point of the `aimass` command."""
    app()


if __name__ == "__main__":
    main()
