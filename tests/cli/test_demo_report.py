"""How long the demo waits for outcomes, and what it says of those that did not come."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from aimass_stream.cli.auditing import _show
from aimass_stream.cli.demo.patience import Patience
from aimass_stream.cli.demo.report import _outcomes_table
from aimass_stream.cli.demo.view import Gauges, Moment, Row, View, observe
from aimass_stream.cli.tables import fold
from aimass_stream.verify.audit import Audit
from aimass_stream.verify.oracle import Account


def test_what_waits_is_told_and_not_called_lost() -> None:
    broken = {"sent": 1, "dead_lettered": 1}
    report = {"lost": 0, "waiting": 1234, "duplicated": 0, "differing": 0, "broken": broken}
    table = _outcomes_table({**report, "topics": {}})
    assert table.title is None
    assert "[bold green]lost 0[/], [bold yellow]not answered yet 1,234[/]" in str(table.caption)
    settled = _outcomes_table({**report, "waiting": 0, "topics": {}})
    assert settled.title == "aimass demo: every record accounted for"
    assert "not answered" not in str(settled.caption)


def test_topics_whose_names_begin_alike_are_told_apart_on_a_narrow_terminal() -> None:
    names = ["aimass-demo.inferences", "aimass-demo.intents"]
    rows = [Row(name, 123_456, 123_456, 1_234, [100.0]) for name in names]
    console = Console(width=80, force_terminal=True, file=StringIO())
    table = View(console)._table(Moment(rows, 1, 1.0, 1.0, 1.0, 0.0), "streaming", [], 1.0)
    with console.capture() as drawn:
        console.print(table)
    assert "…" not in drawn.get()


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (40, ["intent-quality.predictions.text"]),
        (16, ["intent-quality.", "predictions.text"]),
        (14, ["intent-", "quality.", "predictions.", "text"]),
        (9, ["intent-", "quality.", "predictio", "ns.text"]),
        (0, [*"intent-quality.predictions.text"]),
    ],
)
def test_a_name_is_folded_behind_a_dot_or_a_dash_where_one_is_near(
    width: int, lines: list[str]
) -> None:
    assert fold("intent-quality.predictions.text", width) == lines


NAMES = ["intent-quality.predictions.text", "intent-quality.predictions.intents"]


def audits() -> list[Audit]:
    return [Audit(name, "t", 123_456, 123_456, 0, 0, 0, 0, 0, 0, 0) for name in NAMES]


def test_an_audit_on_a_narrow_terminal_keeps_names_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    _show("app", audits())
    shown = capsys.readouterr().out
    assert "…" not in shown
    first_words = "".join(line.split()[0] for line in shown.splitlines()[2:])
    assert first_words.startswith("".join(NAMES))


def test_an_audit_that_goes_to_no_terminal_has_a_line_for_each_agent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _show("app", audits())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[2:4]] == [
        [name, "123,456", "123,456"] for name in NAMES
    ]


def test_patience_lasts_while_outcomes_come() -> None:
    now_s = 0.0
    patience = Patience(60, lambda: now_s)
    for count, now_s, lasts in (
        (0, 0.0, True),
        (5, 59.0, True),
        (6, 118.0, True),
        (6, 177.0, True),
        (6, 178.0, False),
    ):
        assert patience.lasts(count) is lasts, now_s


def test_a_live_row_counts_a_record_for_each_agent_as_the_report_does() -> None:
    first = Account(arrived_ms={(0, 0): 0, (0, 1): 0}, settled_ms={(0, 0): 1, (0, 1): 1})
    second = Account(arrived_ms={(0, 0): 0, (0, 1): 0}, settled_ms={(0, 0): 1})
    (row,) = observe({"text": [first, second]}, 2, Gauges(), {}).rows
    assert (row.arrived, row.accounted) == (4, 3)
