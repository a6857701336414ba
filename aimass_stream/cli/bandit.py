"""`aimass bandit`: what a bandit earned, and what other policies would have."""

from __future__ import annotations

from typing import Annotated

import typer

from aimass_stream.cli.terminal import command, hush_clients


@command
def bandit(
    choices: Annotated[str, typer.Argument(metavar="CHOICES", help="Topic of its answers.")],
    rewards: Annotated[str, typer.Argument(metavar="REWARDS", help="Topic of what they earned.")],
    *,
    missing: Annotated[
        float | None,
        typer.Option(
            metavar="REWARD",
            help="What a choice without a reward earned.",
            show_default="such choices are left out",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON for each bandit.")
    ] = False,
) -> None:
    """Say what each arm alone, the uniform policy and the greedy one would have earned.

    Told from what a bandit answered and what came of it, with 95 % intervals, by inverse
    propensity scoring, plain, self-normalised, and doubly robust. Reads both topics from their
    beginning and changes nothing.

    Example: aimass bandit slots rewards
    """
    from aimass_stream.cli.judging import run_bandit

    hush_clients()
    run_bandit(choices, rewards, missing, as_json=as_json)
