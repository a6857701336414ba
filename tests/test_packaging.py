"""The wheel: the engine, the reference application as template data, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
TEMPLATE = ("agents", "models", "topics")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this tree, as a release is."""
    folder = tmp_path_factory.mktemp("wheel")
    ended = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_below(folder: str) -> Iterator[str]:
    """Paths of the files below a folder of this tree, as they stand in it."""
    for path in (ROOT / folder).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(ROOT).as_posix()


def test_the_wheel_holds_the_engine_and_its_metadata_only(names: set[str]) -> None:
    assert {name.partition("/")[0] for name in names} == {
        "aimass_stream",
        "aimass_stream-0.1.0.dist-info",
    }


def test_the_engine_is_whole(names: set[str]) -> None:
    engine = {name for name in names if name.startswith("aimass_stream/")}
    template = {name for name in engine if name.startswith("aimass_stream/template/")}
    assert engine - template == set(files_below("aimass_stream"))
    assert {"aimass_stream/py.typed", "aimass_stream/kafka/embedded_jars.lock"} <= engine


def test_the_reference_application_is_the_template(names: set[str]) -> None:
    template = {name for name in names if name.startswith("aimass_stream/template/")}
    sources = {name for folder in TEMPLATE for name in files_below(folder)}
    assert template == {f"aimass_stream/template/{name}" for name in sources}
    assert {f"{folder}/__init__.py" for folder in TEMPLATE} <= sources
    assert "agents/app.py" in sources


def test_the_template_is_the_application_to_the_letter(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        for folder in TEMPLATE:
            for name in files_below(folder):
                held = archive.read(f"aimass_stream/template/{name}")
                assert held == (ROOT / name).read_bytes(), name


def test_the_wheel_brings_the_command_and_the_licence(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        metadata = "aimass_stream-0.1.0.dist-info"
        entry_points = archive.read(f"{metadata}/entry_points.txt").decode()
        assert entry_points == "[console_scripts]\naimass = aimass_stream.cli.main:main\n"
        licence = archive.read(f"{metadata}/licenses/LICENSE")
        assert licence == (ROOT / "LICENSE").read_bytes()


def test_the_command_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "import aimass_stream.kafka.embedded_jars as jars\n"
        "from aimass_stream.cli.main import app\n"
        "print(jars.__file__, len(jars.locked_jars()), app.info.name)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    origin, jars, name = ended.stdout.split()
    assert Path(origin).is_relative_to(tmp_path / "site")
    assert int(jars) > 20
    assert name == "aimass"


def test_a_project_comes_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    subprocess.run(
        [sys.executable, "-m", "aimass_stream.cli.main", "init", "shop"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        timeout=50,
    )
    for folder in TEMPLATE:
        made = {
            path.relative_to(tmp_path / "shop").as_posix()
            for path in (tmp_path / "shop" / folder).iterdir()
        }
        assert made == set(files_below(folder))
    assert 'App("shop")' in (tmp_path / "shop" / "agents" / "app.py").read_text()
    assert (tmp_path / "shop" / ".gitignore").is_file()


def test_no_dependency_is_pandas(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        metadata = archive.read("aimass_stream-0.1.0.dist-info/METADATA").decode()
    wanted = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: ")]
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert any(line.startswith("Requires-Dist: torch") for line in wanted)
    assert any(line.startswith("torch==") for line in pinned)
    assert not [line for line in (*wanted, *pinned) if "pandas" in line]
