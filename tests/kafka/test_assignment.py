"""What is told while partitions are given out: once it takes long, the likely causes."""

from __future__ import annotations

from aimass_stream.kafka.assignment import SLACK_S, Assignment
from aimass_stream.verify.readiness import StartPatience


def test_the_likely_causes_are_told_once_a_killed_worker_would_be_out_of_the_group() -> None:
    now_s = [0.0]
    assignment = Assignment("shop", 10.0, 60.0, lambda: now_s[0])
    assert assignment.reason(0) == "partitions are being assigned"
    now_s[0] = 10.0 + SLACK_S
    told = assignment.reason(0)
    for cause in ("more than 15 s", "the app shop", "10 s after", "up to 60 s", "coordinator"):
        assert cause in told
    now_s[0] = 500.0
    assert assignment.reason(0) == told, "it is no news that it still lasts"


def test_an_assignment_that_comes_after_another_is_timed_anew() -> None:
    now_s = [0.0]
    assignment = Assignment("shop", 10.0, 60.0, lambda: now_s[0])
    now_s[0] = 100.0
    assignment.look(is_under_way=False)
    assignment.look(is_under_way=True)
    assert assignment.reason(0) == "partitions are being assigned"
    now_s[0] = 200.0
    assignment.look(is_under_way=True)
    assert "for more than" in assignment.reason(0)


def test_tables_that_are_filled_for_long_are_waited_for_and_an_assignment_alone_is_not() -> None:
    limit_s, now_s = 180.0, [0.0]

    def clock() -> float:
        return now_s[0]

    patience, assignment = StartPatience(limit_s, clock), Assignment("shop", 10.0, 60.0, clock)
    for left in range(3_000, 0, -1_000):
        now_s[0] += limit_s
        assert patience.lasts([assignment.reason(left)], lines=0)
    now_s[0] += 1.0
    assert patience.lasts([assignment.reason(0)], lines=0)
    now_s[0] += limit_s + 1.0
    assert not patience.lasts([assignment.reason(0)], lines=0)
