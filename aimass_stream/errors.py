"""Every error the engine raises on purpose, and the reasons a record is dead-lettered.

Two families, told apart by what they cost:

* a `RecordError` costs one record. It carries a `Reason`, ends in a dead letter, and never
  leaves the engine as an exception.
* any other `AimassError` stops a command or a worker. It carries the exit code of the process
  and its text says what happened, where, why, and what to type next.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

E = TypeVar("E", bound=Exception)


class Reason(StrEnum):
    """Why a record was dead-lettered. Stable: users filter and alert on these words."""

    EMPTY = "empty"
    """The payload has no bytes."""
    TOO_LARGE = "too_large"
    """A limit on bytes, pixels or length was exceeded; checked before anything is expanded."""
    BAD_ENVELOPE = "bad_envelope"
    """The value is none of the forms its record type accepts."""
    TYPE_MISMATCH = "type_mismatch"
    """The declared content type is not what the bytes are, or is not accepted."""
    UNDECODABLE = "undecodable"
    """The decoder refused the bytes."""
    TRANSFORM_ERROR = "transform_error"
    """A transform declared before the model could make nothing of this record."""
    CLAIM_REFUSED = "claim_refused"
    """A claim check points outside the allowed prefixes."""
    CLAIM_BROKEN = "claim_broken"
    """A claim check's payload is missing, or differs from its size or checksum."""
    MODEL_ERROR = "model_error"
    """The model raised on this record alone."""
    INVALID_OUTPUT = "invalid_output"
    """The model answered with NaN, infinity, or a wrong shape."""
    MODEL_TIMEOUT = "model_timeout"
    """The model did not answer for this record within its timeout."""
    MODEL_CRASH = "model_crash"
    """The device process died on this record."""
    AGENT_ERROR = "agent_error"
    """The agent's body raised while it held this record."""


MODEL_FAILURES = frozenset(
    {Reason.MODEL_ERROR, Reason.INVALID_OUTPUT, Reason.MODEL_TIMEOUT, Reason.MODEL_CRASH}
)
"""Reasons that may be the model's fault rather than the record's."""


class AimassError(Exception):
    """Base of every deliberate error; `exit_code` is what the process ends with."""

    exit_code = 1


class ConfigError(AimassError):
    """A setting, declaration or file is wrong; nothing was started."""

    exit_code = 78


class BrokerError(AimassError):
    """Kafka cannot be reached or started."""

    exit_code = 69


class DeviceError(AimassError):
    """A device process cannot be started or kept alive."""

    exit_code = 75


class SetupError(AimassError):
    """A model cannot be loaded; raised before any record is read."""

    exit_code = 78


class LostStateError(AimassError):
    """State that was kept is not there any more, or cannot be used; going on would forget it."""

    exit_code = 78


class StalledError(AimassError):
    """A partition makes no progress although nothing holds it up; a fresh start may help."""

    exit_code = 75


class LostOutcomeError(AimassError):
    """The outcome of a record cannot be established; the worker stops rather than guess."""

    exit_code = 75


class FailureLimitError(AimassError):
    """Too many records fail by the model or the agent; starting it again would not help."""

    exit_code = 78


class RecordError(Exception):
    """One record cannot be answered.

    Attributes:
        reason: the stable code written to the dead letter.
        detail: one line for people; never the payload itself.
        trace: the traceback where there is one, else empty.
    """

    def __init__(self, reason: Reason, detail: str, trace: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.trace = trace


def without_frames(error: E) -> E:
    """The error as a value that is kept, parted from the frames it passed through.

    They hold the records of its batch, and one of them the error itself: a cycle, which Python
    frees only when it looks for garbage. What people need of them is text by then.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
