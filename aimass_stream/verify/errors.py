"""What can go wrong with a fault itself."""

from __future__ import annotations

from aimass_stream.errors import AimassError


class VerifyError(AimassError):
    """A fault could not be run to its end; the text says what was waited for."""


class MissedError(VerifyError):
    """No record was in hand when the fault struck, so it has shown nothing."""
