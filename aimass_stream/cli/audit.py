"""`aimass audit`: what became of every record of an app."""

from __future__ import annotations

from typing import Annotated

import typer

from aimass_stream.cli.app_place import AppName
from aimass_stream.cli.terminal import command, hush_clients

UNSOUND = 1


@command
def audit(
    *,
    app_name: AppName = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON for each agent.")
    ] = False,
) -> None:
    """Account for every record of the app, by what lies on its topics.

    Reads the source topics, the answers, the outcomes and the dead letters from their beginning,
    asks no worker, and changes nothing: run it beside workers or when all have ended. A record is
    lost if it is committed and nothing speaks of it. The exit code is 1 if one is, or if a repeated
    answer disagrees with the first.

    Example: aimass audit
    """
    from aimass_stream.cli.auditing import run_audit

    hush_clients()
    if not run_audit(app_name, as_json=as_json):
        raise typer.Exit(UNSOUND)
