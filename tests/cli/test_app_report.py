"""An app that is asked what it declares, where it cannot say."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimass_stream.cli.app_report import AppQuestion
from aimass_stream.errors import ConfigError


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only page of a package of agents, to be written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agents").mkdir()
    return tmp_path / "agents" / "__init__.py"


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
