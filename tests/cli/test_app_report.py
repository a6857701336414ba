"""An app that is asked what it declares, where it cannot say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aimass_stream.cli.app_report import AppQuestion
from aimass_stream.errors import ConfigError
from aimass_stream.runtime import project
from aimass_stream.runtime.project import find_project, project_folder, put_first


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only page of a package of agents, to be written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents").mkdir()
    return tmp_path / "agents" / "__init__.py"


def test_the_project_is_where_the_app_is_and_the_environment_stays_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here/no_such_shop").mkdir(parents=True)
    (tmp_path / "here/no_such_shop/__init__.py").touch()
    (tmp_path / "here/no_such_page.py").touch()
    monkeypatch.chdir(tmp_path / "here")
    assert find_project("no_such_shop.agents:app") == tmp_path / "here"
    assert find_project("no_such_page") == tmp_path / "here"
    assert find_project("no_such_package") is None
    assert find_project("tests.cli") == Path(__file__).parents[2]
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(project, "_put_first", [])
    environment = Path(pytest.__file__).parents[1]
    assert find_project("pytest") == environment
    put_first(environment)
    assert sys.path[0] != str(environment)
    assert project_folder() == tmp_path / "here"
    put_first(tmp_path)
    assert (sys.path[0], project_folder()) == (str(tmp_path), tmp_path)


def test_an_app_that_takes_too_long_is_given_up_with_a_way_out(agents: Path) -> None:
    agents.write_text("import threading\nthreading.Event().wait()\n")
    with pytest.raises(ConfigError) as refused:
        AppQuestion("agents").answer(0.5, "Go round it.")
    assert str(refused.value) == (
        "Importing agents takes longer than 0.5 s. Go round it. Try again when the machine has "
        "less to do, or move what takes long out of its modules, into a model or an agent."
    )


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ("x = 1\nx.y\n", "AttributeError: 'int' object has no attribute 'y'"),
        ("import json\njson.loads('')\n", "ValueError: Cannot import 'agents': Expecting value"),
        ("\ndef\n", "SyntaxError: invalid syntax"),
        ("from aimass_stream import Topic\n", "No app in 'agents'"),
    ],
    ids=["own", "called", "syntax", "no-app"],
)
def test_what_is_wrong_is_said_with_its_place(agents: Path, page: str, why: str) -> None:
    agents.write_text(page)
    with pytest.raises(ConfigError) as refused:
        AppQuestion("agents").answer()
    assert str(refused.value).startswith(why)
    assert str(refused.value).endswith("(agents/__init__.py:2)") is not why.startswith("No app")
