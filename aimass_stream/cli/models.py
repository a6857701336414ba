"""`aimass models`: the registry's models, listed, shown, added and verified."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimass_stream.cli.terminal import command, hush_clients

DAMAGED = 1

models_app = typer.Typer(
    no_args_is_help=True, help="List, show, add or verify models: named, numbered, checked."
)

Registry = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Registry folder (AIMASS_MODELS).", show_default=".aimass/models"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@models_app.command("list")
@command
def list_models(*, as_json: AsJson = False, registry: Registry = None) -> None:
    """List the models of the registry.

    Versions, task, size and source, of the latest version. Reads manifests only.

    Example: aimass models list --json
    """
    from aimass_stream.cli.cards.errands import run_list

    run_list(registry, as_json=as_json)


@models_app.command()
@command
def show(
    model: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The latest, or one.")],
    *,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Show the card of a model, and its files.

    What it is and takes, where it comes from, its licence, its limits, and what was measured.
    Reads every file of the version; ends with 1 if one is not as it was published, else with 0.

    Example: aimass models show digits-resnet
    """
    from aimass_stream.cli.cards.errands import run_show

    if not run_show(model, registry, as_json=as_json):
        raise typer.Exit(DAMAGED)


@models_app.command()
@command
def add(  # noqa: PLR0913 - the options of a command
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="As model.save_pretrained(folder) writes it.")
    ],
    *,
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What to call it.",
            show_default="as its manifest says, else the folder's name",
        ),
    ] = "",
    task: Annotated[
        str,
        typer.Option(metavar="TASK", help="What it does.", show_default="from its architecture"),
    ] = "",
    licence: Annotated[
        str,
        typer.Option(
            "--licence",
            "--license",
            metavar="SPDX",
            help="Of its weights.",
            show_default="as its README says",
        ),
    ] = "",
    source: Annotated[
        str, typer.Option(metavar="TEXT", help="Where it comes from, e.g. a page.")
    ] = "",
    limits: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="TEXT", help="What it cannot do; repeatable."),
    ] = None,
    registry: Registry = None,
) -> None:
    """Copy a model folder into the registry.

    It becomes the next version of its name, whole or not at all. Weights must be safetensors;
    pickles (.bin, .pt, ...), code, and a configuration that asks for code to be run are refused.
    Nothing in the folder is run or changed, no weight is loaded. Architecture, labels and sizes
    are read from its files.

    Example: aimass models add my-model --name flowers --licence Apache-2.0
    """
    from aimass_stream.cli.cards.errands import run_add
    from aimass_stream.registry.card import Provenance

    told = Provenance(source=source, licence=licence, limits=tuple(limits or ()))
    run_add(folder, name, task, told, registry)


@models_app.command()
@command
def propose(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="With the answers of a Proposer.")],
    *,
    registry: Registry = None,
) -> None:
    """Lay down what was fitted on a stream as a candidate version.

    Takes the latest proposal on the topic for each model. A candidate is in force only where it is
    named with its number, until `aimass models promote` makes it the next version.

    Example: aimass models propose prices.proposals
    """
    from aimass_stream.cli.cards.proposals import run_propose

    hush_clients()
    run_propose(topic, registry)


@models_app.command()
@command
def promote(
    model: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="The candidate.")],
    *,
    registry: Registry = None,
) -> None:
    """Make a candidate the next version of its name, which is then in force.

    Workers that run keep the version that they began with.

    Example: aimass models promote prices@4
    """
    from aimass_stream.cli.cards.errands import run_promote

    run_promote(model, registry)


@models_app.command()
@command
def verify(
    model: Annotated[
        str | None,
        typer.Argument(metavar="NAME[@VERSION]", help="All of a name, or one; else everything."),
    ] = None,
    *,
    as_json: AsJson = False,
    registry: Registry = None,
) -> None:
    """Compare files with their checksums.

    Reads every file of every version, and says which of them differ and how. Ends with 0 if
    all are as they were published, else with 1.

    Example: aimass models verify digits-resnet
    """
    from aimass_stream.cli.cards.errands import run_verify

    if not run_verify(model, registry, as_json=as_json):
        raise typer.Exit(DAMAGED)
