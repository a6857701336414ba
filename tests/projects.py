"""Projects for workers under test."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]


def leave_models_out(folder: Path) -> None:
    """Make a folder a project of the tests' apps, with no models that take long to import.

    A worker's project is where its app's package lies, and its models are those beside it.
    """
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "__init__.py").touch()
    (folder / "tests").symlink_to(ROOT / "tests")
