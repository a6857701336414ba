"""What a worker says of its dead letters."""

import logging

import pytest

from aimass_stream.errors import Reason, RecordError
from aimass_stream.kafka import letter_log
from aimass_stream.kafka.letter_log import LetterLog
from aimass_stream.runtime.handover import Failure
from tests.runtime.helpers import until


def failures(count: int, reason: Reason = Reason.UNDECODABLE) -> list[Failure]:
    return [Failure(row, "m@1", RecordError(reason, "why")) for row in range(count)]


async def test_the_first_is_told_at_once_and_the_next_together(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_log, "EVERY_S", 0.05)
    letters = LetterLog()
    with caplog.at_level(logging.WARNING):
        letters.note("sort", [])
        assert caplog.messages == []
        letters.note("sort", failures(1))
        letters.note("sort", failures(3))
        letters.note("read", failures(2, Reason.AGENT_ERROR))
        assert caplog.messages == [
            "dead-lettered 1 of sort (undecodable) (more are counted for 0.05 s); "
            "aimass dlq list shows them"
        ]
        await until(lambda: len(caplog.messages) > 1, "the second line")
    assert caplog.messages[1] == (
        "dead-lettered 3 of sort (undecodable), 2 of read (agent_error); aimass dlq list shows them"
    )


async def test_the_end_tells_what_is_untold(caplog: pytest.LogCaptureFixture) -> None:
    letters = LetterLog()
    with caplog.at_level(logging.WARNING):
        letters.note("sort", failures(1))
        letters.note("sort", failures(4))
        letters.close()
        letters.close()
    assert [message.split(";")[0] for message in caplog.messages] == [
        "dead-lettered 1 of sort (undecodable) (more are counted for 30 s)",
        "dead-lettered 4 of sort (undecodable)",
    ]
