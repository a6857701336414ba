"""What the processes of an application are."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a process of an application is."""

    WORKER = "worker"
    DEVICE = "device"
    LEARNER = "learner"
