"""`aimass draw`: what detectors and segmenters answered, drawn on the images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimass_stream.cli.terminal import command
from aimass_stream.cli.watch import Start

RECENT = 20
"""Answers that are looked at where nothing else is asked for."""


@command
def draw(
    topic: Annotated[str, typer.Argument(help="Topic of answers about images.", metavar="TOPIC")],
    *,
    into: Annotated[
        Path, typer.Option(help="Folder for the pictures; made where it is not there.")
    ] = Path("drawn"),
    start: Start = f"-{RECENT}",
    limit: Annotated[
        int, typer.Option(min=1, metavar="N", help="No more pictures than N.")
    ] = RECENT,
    font: Annotated[
        Path | None,
        typer.Option(
            help="Font file for labels of other letters than Latin.",
            exists=True,
            dir_okay=False,
            show_default="Pillow's own",
        ),
    ] = None,
) -> None:
    """Draw answers on the images they are about, a PNG for each image.

    Boxes, masks and keypoints with their labels and scores, whatever the answer's type: what
    detectors and segmenters say, alone or in a graph. An answer that says only what is on the whole
    image is not drawn. The image is read from the topic that it came on, by the
    answer's header; what retention has deleted cannot be drawn on. All answers about one image go
    on one picture. Reads beside every consumer group and changes nothing on topics.

    Example: aimass draw objects --into drawn --from -50
    """
    from aimass_stream.cli.drawing.errand import DrawErrand, run

    raise typer.Exit(run(DrawErrand(topic, into, start, limit, font)))
