"""A group that has no coordinator yet: said once, in plain words, while its broker settles."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from aiokafka.consumer import group_coordinator
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)

log = logging.getLogger("aimass_stream.worker")

START_S = 30.0
_SETTLES = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)
_GIVEN_UP = "Marking the coordinator dead"


class Settling(logging.Filter):
    """Holds back what a client logs of its group's coordinator for the first `START_S`.

    Every new broker, and every one that has just been started again, answers that there is none
    until it has read its own topics, and the client, which calls that an error, asks again. Any
    other error passes, and so do these after that time.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._until_s = clock() + START_S
        self._is_said = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one passes."""
        is_usual = str(record.msg).startswith(_GIVEN_UP) or _is_of(record, _SETTLES)
        if not is_usual or self._clock() >= self._until_s:
            return True
        if not self._is_said:
            self._is_said = True
            log.info(
                "Kafka is still choosing a coordinator for this group, as it does for some seconds "
                "after it was started; asking again"
            )
        return False


def await_coordinator() -> None:
    """Have the client's log settle, from now on and once a process."""
    client = logging.getLogger(group_coordinator.__name__)
    if not any(isinstance(each, Settling) for each in client.filters):
        client.addFilter(Settling())


def _is_of(record: logging.LogRecord, kinds: tuple[type[Exception], ...]) -> bool:
    values = record.args if isinstance(record.args, tuple) else ()
    return any(isinstance(value, kinds) for value in values)
