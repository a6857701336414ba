"""`aimass produce`: a folder or files onto a topic, one record an item, resumable."""

from __future__ import annotations

import typer

from aimass_stream.cli.producing.folder_commands import audio, clips, images
from aimass_stream.cli.producing.line_commands import behaviour, json_objects, text

produce_app = typer.Typer(no_args_is_help=True, help="Send what files hold to a topic, resumably.")

produce_app.command("images")(images)
produce_app.command("audio")(audio)
produce_app.command("clips")(clips)
produce_app.command("behaviour")(behaviour)
produce_app.command("text")(text)
produce_app.command("json")(json_objects)
