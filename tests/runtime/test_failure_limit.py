"""The limit on failures: what counts, over which records, and what it says."""

import pytest

from aimass_stream.errors import FailureLimitError, Reason, RecordError
from aimass_stream.records import Chunk
from aimass_stream.runtime.failure_limit import FailureLimit
from aimass_stream.runtime.handover import Failure, Unit, Work


def unit(rows: int, failed: int = 0, reason: Reason = Reason.MODEL_ERROR) -> Unit:
    chunk = Chunk("in", 3, range(rows), [0] * rows, [None] * rows, [b"x"] * rows, [()] * rows)
    failures = [Failure(row, "m@1", RecordError(reason, "told to")) for row in range(failed)]
    return Unit(Work(chunk, 0), 0, rows, failures=failures)


def limit() -> FailureLimit:
    return FailureLimit("copy", share=0.5, window=100)


def test_more_than_the_share_ends_it_with_a_message_that_says_what_to_do() -> None:
    agent = limit()
    assert agent.count(unit(100, failed=50)) is None
    error = agent.count(unit(10, failed=10))
    assert isinstance(error, FailureLimitError)
    assert error.exit_code == 78
    for words in ("agent copy stopped", "in/3/9", "model_error", "failure_share"):
        assert words in str(error)


def test_a_few_failures_of_few_records_end_nothing() -> None:
    agent = limit()
    assert agent.count(unit(20, failed=20)) is None


def test_failures_leave_the_window_with_their_records() -> None:
    agent = limit()
    for _ in range(20):
        assert agent.count(unit(50, failed=25)) is None
    assert agent.count(unit(10, failed=10)) is not None


@pytest.mark.parametrize("reason", Reason)
def test_bad_input_never_counts(reason: Reason) -> None:
    caused = reason in {
        Reason.MODEL_ERROR,
        Reason.INVALID_OUTPUT,
        Reason.MODEL_TIMEOUT,
        Reason.MODEL_CRASH,
        Reason.AGENT_ERROR,
    }
    assert (limit().count(unit(100, failed=100, reason=reason)) is not None) == caused


def test_a_share_of_1_switches_it_off() -> None:
    agent = FailureLimit("copy", share=1.0, window=100)
    assert all(agent.count(unit(90, failed=90)) is None for _ in range(5))
