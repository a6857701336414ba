"""What a log says while a broker settles: one plain line, and every real error."""

from __future__ import annotations

import logging

import pytest
from aiokafka.consumer import group_coordinator
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaError,
)

from aimass_stream.kafka.settling import START_S, Settling, await_coordinator

CLIENT = logging.getLogger(group_coordinator.__name__)
ASKED = "Group Coordinator Request failed: %s"


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock, by which the client's log settles."""
    now_s = [100.0]
    monkeypatch.setattr(CLIENT, "filters", [Settling(lambda: now_s[0])])
    return now_s


def test_a_broker_that_settles_is_told_of_once_and_is_no_error(
    now_s: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            CLIENT.error(ASKED, GroupCoordinatorNotAvailableError())
            CLIENT.warning("Marking the coordinator dead (node %s)for group %s.", 1, "g")
    (said,) = caplog.records
    assert (said.name, said.levelno) == ("aimass_stream.worker", logging.INFO)
    assert "choosing a coordinator" in said.getMessage()


@pytest.mark.parametrize("error", [KafkaConnectionError("gone"), GroupAuthorizationFailedError()])
def test_any_other_error_is_told_as_it_is(
    now_s: list[float], caplog: pytest.LogCaptureFixture, error: KafkaError
) -> None:
    CLIENT.error(ASKED, error)
    CLIENT.error("Heartbeat failed: %r", error)
    assert [said.levelno for said in caplog.records] == [logging.ERROR] * 2


def test_a_group_that_gets_no_coordinator_is_told_of_after_that_time(
    now_s: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    now_s[0] += START_S
    CLIENT.error(ASKED, GroupCoordinatorNotAvailableError())
    (said,) = caplog.records
    assert said.levelno == logging.ERROR


def test_one_app_after_another_in_a_process_settles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLIENT, "filters", [])
    await_coordinator()
    await_coordinator()
    assert len(CLIENT.filters) == 1
