"""The faults, a file for each kind of thing that goes wrong. `FAULTS` is the order they run in."""

from __future__ import annotations

from collections.abc import Sequence

from aimass_stream.verify.fault import Fault
from aimass_stream.verify.faults.models import (
    BalloonModel,
    CrashModel,
    FreezeModel,
    HangModel,
    MiscountingModel,
    NanModel,
    RaisingModel,
    SlowModel,
)
from aimass_stream.verify.faults.processes import (
    KillDevice,
    KillLearner,
    KillWorker,
    SecondSignal,
    TerminateWorkers,
)

FAULTS: Sequence[type[Fault]] = (
    KillWorker,
    KillDevice,
    KillLearner,
    TerminateWorkers,
    SecondSignal,
    RaisingModel,
    NanModel,
    MiscountingModel,
    HangModel,
    FreezeModel,
    CrashModel,
    BalloonModel,
    SlowModel,
)
