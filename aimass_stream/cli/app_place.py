"""Which package a command means by the app of this folder, before anything is started for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aimass_stream.errors import ConfigError
from aimass_stream.runtime.project import find_project

DEFAULT = "agents"
"""The package where none is named."""

AppName = Annotated[
    str | None,
    typer.Option(
        "--app",
        help="Package that holds the app, as for faust -A.",
        show_default="agents, of this folder",
    ),
]
"""The option that names it."""


def is_app_there(name: str | None) -> bool:
    """Whether there is a package to look for the app in.

    Args:
        name: as it was typed, which may be installed anywhere; None where nothing was typed. Then
            it must lie in this folder, since an `agents` from elsewhere is somebody else's app,
            the reference application of a checkout for one.
    """
    folder = find_project(name or DEFAULT)
    return folder is not None and (name is not None or folder.is_relative_to(Path.cwd()))


def has_app(name: str) -> bool:
    """Whether a package or module of that name lies in this folder."""
    place = Path(*name.partition(":")[0].split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def check_app(name: str | None) -> str:
    """The package that holds the app.

    Args:
        name: as for `is_app_there`.

    Raises:
        ConfigError: there is none.
    """
    if not is_app_there(name):
        raise ConfigError(
            f"There is no package {name or DEFAULT!r} in {Path.cwd()}: go to the folder of your "
            "project, make one with aimass init DIR, or name its package with --app PACKAGE."
        )
    return name or DEFAULT
