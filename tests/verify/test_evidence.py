"""What a window's evidence comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimass_stream.records import Example
from aimass_stream.verify.application import Application
from aimass_stream.verify.errors import MissedError
from aimass_stream.verify.evidence import Evidence, Strikes, judge, repeats
from aimass_stream.verify.oracle import Account, Burial, Watched

STRUCK_MS = 1_000
LETTER = Burial("in/0/1", "model@1", "model_error")

app = Application(
    package="agents",
    id="app",
    folder=Path(),
    agents=[
        Watched("first", "in", "log"),
        Watched("beside", "in", "out"),
        Watched("last", "log", "end"),
    ],
    plans=[],
    inputs={"in": [Example(b"x")]},
    kinds={},
    checked=frozenset({"in"}),
    offers=frozenset(),
)


def account(**more: object) -> Account:
    """One record settled before the strike, one in hand, one that came after it."""
    places = [(0, 0), (0, 1), (0, 2)]
    known: dict[str, object] = {
        "arrived_ms": dict(zip(places, [900, 990, 2_000], strict=True)),
        "settled_ms": dict(zip(places, [950, 3_500, 4_000], strict=True)),
        "fates": dict.fromkeys(places, "answered"),
        "answers": dict.fromkeys(places, b"a"),
        "ids": {"a": b"", "b": b"", "c": b""},
    }
    return Account(**{**known, **more})  # type: ignore[arg-type] # attributes of an account


def evidence(accounts: dict[str, Account], may_repeat: dict[str, int] | None = None) -> Evidence:
    whole = {agent.agent: account() for agent in app.agents}
    strikes = Strikes([STRUCK_MS], over_ms=1_500)
    return Evidence(
        app, {**whole, **accounts}, strikes, bad={}, victims={}, may_repeat=may_repeat or {}
    )


def test_what_holds_is_a_pass() -> None:
    finding = judge(evidence({}), sent=3, recovers_within_s=3.0)
    assert finding.problems == []
    assert (finding.lost, finding.differing, finding.in_hand) == (0, 0, 3)
    assert finding.recovery_s == 2.5
    assert finding.longest_wait_s == 2.5


def test_slow_recovery_is_a_problem() -> None:
    finding = judge(evidence({}), sent=3, recovers_within_s=2.0)
    assert finding.problems == ["recovery took 2.5 s, and 2 s are promised"]


def test_the_slowest_agent_counts() -> None:
    slow = account(settled_ms={(0, 0): 950, (0, 1): 3_500, (0, 2): 9_000})
    assert judge(evidence({"last": slow}), 3, 10.0).recovery_s == 7.5


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"fates": {(0, 0): "answered", (0, 1): "answered"}}, "last lost 1, the first at (0, 2)"),
        ({"differing": 1}, "last repeated 1 differently"),
        ({"duplicated": 5}, "last repeated 5, and 4 were not committed"),
        ({"burials": {(0, 1): LETTER}}, "good records are dead-lettered: {'model_error': 1}"),
    ],
)
def test_what_does_not_hold_is_named(changed: dict[str, object], problem: str) -> None:
    finding = judge(evidence({"last": account(**changed)}, {"last": 4}), 3, 3.0)
    assert problem in finding.problems


def test_a_strike_that_hit_nothing_has_shown_nothing() -> None:
    early = account(settled_ms={(0, 0): 950, (0, 1): 995, (0, 2): 2_100})
    with pytest.raises(MissedError):
        judge(evidence(dict.fromkeys(("first", "beside", "last"), early)), 3, 3.0)


def test_what_is_repeated_upstream_is_repeated_downstream() -> None:
    assert repeats(app, {"in": 10, "log": 3}) == {"first": 10, "beside": 10, "last": 13}
