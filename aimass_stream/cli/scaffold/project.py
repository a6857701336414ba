"""Writing a new project: which files, and what is filled into them."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template

from aimass_stream.errors import AimassError, ConfigError

APPLICATION = ("agents", "models", "topics")
"""The folders of the reference application."""

_FILES = {
    "aimass.toml": "aimass.toml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "dockerignore": ".dockerignore",
    "docker-compose.yml": "docker-compose.yml",
}
_FILES_OF_EMPTY = {
    "aimass.toml": "aimass.toml",
    "README.empty.md": "README.md",
    "gitignore": ".gitignore",
}
_PAGES_OF_EMPTY = ("__init__.py", "app.py")
_REFERENCE_NAME = '"aimass-demo"'
_PACKAGE = Path(__file__).parents[2]


def create_project(folder: Path, *, empty: bool = False, force: bool = False) -> list[str]:
    """Write a project; its app is named after the folder.

    Args:
        folder: made where it is missing.
        empty: an app without topics, models and agents, instead of the reference application.
        force: write into a folder that is not empty; files of the same names are replaced.

    Returns:
        What was written, folders with a slash behind.

    Raises:
        AimassError: the folder is not empty, or no app can be named after it.
        ConfigError: it cannot be written, or this installation lacks the template.
    """
    name, source = app_name(folder), find_template(_PACKAGE)
    files = _FILES_OF_EMPTY if empty else _FILES
    try:
        if folder.is_dir() and any(folder.iterdir()) and not force:
            raise AimassError(f"{folder} is not empty. Name a new folder, or add --force.")
        folder.mkdir(parents=True, exist_ok=True)
        for part in APPLICATION:
            for page in sorted((source / part).glob("*.py")):
                if not empty or page.name in _PAGES_OF_EMPTY:
                    _write_page(page, folder / part / page.name, name)
        for held, target in files.items():
            text = (Path(__file__).parent / "files" / held).read_text(encoding="utf-8")
            filled = Template(text).substitute(name=name, version=_version())
            (folder / target).write_text(filled, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror or error}") from error
    return [*(f"{part}/" for part in APPLICATION), *files.values()]


def app_name(folder: Path) -> str:
    """The name of the app in a folder; it names the consumer group and topics.

    Raises:
        AimassError: the folder's name holds no letter or digit.
    """
    name = re.sub(r"[^a-z0-9]+", "-", folder.absolute().name.lower()).strip("-")[:100]
    if not name:
        raise AimassError(f"No app can be named after {folder}: use letters of a to z or digits.")
    return name


def find_template(package: Path) -> Path:
    """Where the reference application lies: in the wheel, or in an editable checkout.

    Raises:
        ConfigError: in neither.
    """
    for place in (package / "template", package.parent):
        if all((place / part / "__init__.py").is_file() for part in APPLICATION):
            return place
    raise ConfigError(
        f"The template is missing from {package}. Install aimass-stream again, from its wheel."
    )


def _write_page(page: Path, target: Path, name: str) -> None:
    target.parent.mkdir(exist_ok=True)
    text = page.read_text(encoding="utf-8").replace(_REFERENCE_NAME, f'"{name}"')
    target.write_text(text, encoding="utf-8")


def _version() -> str:
    try:
        return version("aimass-stream")
    except PackageNotFoundError:
        return "0"
