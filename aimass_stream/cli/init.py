"""`aimass init`: a new project that runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from aimass_stream.cli.terminal import command

NEXT_STEPS = """Next:
  cd {folder}
  python -m aimass_stream.training demo .aimass/models   # the models it names; once
  aimass worker                                          # Ctrl-C ends
and beside it, in another terminal in the same folder:
  python -m aimass_stream.training.samples samples       # or take files of your own
  aimass produce images samples/images
  aimass watch predictions.images
README.md says how to swap a model and change an agent."""

NEXT_STEPS_OF_EMPTY = """Next:
  cd {folder}
and write a topic, a model and an agent: README.md shows one of each."""


@command
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, help="Folder of the new project.")
    ],
    *,
    empty: Annotated[
        bool, typer.Option("--empty", help="Only the app: no topics, models and agents.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write into DIR even if it is not empty.")
    ] = False,
) -> None:
    """Write a new project: an application that runs, to be made your own.

    It has topics/ (what flows), models/ (what scores it) and agents/ (what happens), a page
    each, with settings, a README and a docker-compose.yml. The app, and so its consumer group,
    is named after DIR. With --empty the rooms are empty, for an application of your own.

    Example: aimass init shop
    """
    from aimass_stream.cli.scaffold.project import app_name, create_project

    written = create_project(folder, empty=empty, force=force)
    typer.echo(f"Made {folder}, the app {app_name(folder)}: {', '.join(written)}")
    steps = NEXT_STEPS_OF_EMPTY if empty else NEXT_STEPS
    typer.echo(steps.format(folder=shlex.quote(str(folder))))
