"""`aimass verify` and `aimass demo` by their command lines: what is refused before a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aimass_stream.cli.main import app
from aimass_stream.verify.application import Need
from aimass_stream.verify.suite import _skipped, choose


def typed(*words: str) -> Result:
    """What a command says on a wide terminal, in one line."""
    return CliRunner().invoke(app, words, env={"COLUMNS": "400"})


@pytest.mark.parametrize("command", ["verify", "demo"])
@pytest.mark.parametrize(
    ("file", "why"),
    [
        (".", "is a folder; name a file"),
        ("nowhere/report.json", "there is no folder"),
        ("file/report.json", "there is no folder"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, file: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    refused = typed(command, "--report", str(tmp_path / file))
    assert (refused.exit_code, why in refused.output) == (2, True), refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_list_is_of_what_would_be_run() -> None:
    shown = typed("verify", "--list", "--only", "grows without end")
    assert shown.exit_code == 0
    names = [fault.name for fault in choose([], quick=False) if fault.name in shown.output]
    assert names == [fault.name for fault in choose(["grows without end"], quick=False)]
    quick = typed("verify", "--list", "--quick").output
    assert [fault.name in quick for fault in choose([], quick=False)] == [
        fault.quick for fault in choose([], quick=False)
    ]
    assert typed("verify", "--list", "--only", "no such").exit_code == 2
    refused = typed("verify", "--list", "--soak", "5")
    assert (refused.exit_code, "leave out --soak" in refused.output) == (2, True)


def test_an_app_of_inline_models_is_told_why_they_are_not_struck() -> None:
    (fault,) = choose(["grows without end"], quick=False)
    assert fault.needs == {Need.STRIKABLE}
    row = _skipped(fault, frozenset())
    assert row is not None
    assert "inline models are not struck" in row.why
