"""Where an app's project lies, and how its modules are found before others of the same names.

`topics`, `models` and `agents` are common names: an environment may hold packages of these names
too, as it does where aimass-stream is installed from a checkout. So every process that imports
something of a project first puts the project's folder in front.
"""

from __future__ import annotations

import sys
import sysconfig
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

_put_first: list[Path] = []


def find_project(app: str) -> Path | None:
    """The folder that holds an app's package; None where there is no such package.

    Where the package is imported already, that is where it came from; else the working directory
    is looked into before all others, as Faust does.

    Args:
        app: as for `aimass worker --app`: a package, a module in it, or either with `:name`.
    """
    package = app.partition(":")[0].partition(".")[0]
    imported = getattr(sys.modules.get(package), "__spec__", None)
    spec = imported or PathFinder.find_spec(package, [str(Path.cwd()), *sys.path])
    return None if spec is None else _holder(spec)


def put_first(folder: Path) -> None:
    """Have modules of this folder found first, in this process and in those it starts for models.

    Folders of the environment's own packages stay where they are: they come behind the standard
    library for a reason.
    """
    paths = sysconfig.get_paths()
    environment = {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    if folder in environment:
        return
    if sys.path[:1] != [str(folder)]:
        sys.path.insert(0, str(folder))
    _put_first[:] = [folder]


def project_folder() -> Path:
    """What was put first; the working directory where nothing was."""
    return _put_first[0] if _put_first else Path.cwd()


def _holder(spec: ModuleSpec) -> Path | None:
    """The folder that a module or package of the top level lies in."""
    places = list(spec.submodule_search_locations or ())
    place = places[0] if places else spec.origin
    return Path(place).absolute().parent if place else None
