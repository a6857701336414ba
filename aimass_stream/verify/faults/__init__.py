"""The faults, a file for each kind of thing that goes wrong. `FAULTS` is the order they run in."""

from __future__ import annotations

from collections.abc import Sequence

from aimass_stream.verify.fault import Fault
from aimass_stream.verify.faults.broker import (
    KillBroker,
    Oversize,
    PauseBroker,
    PauseBrokerLong,
)
from aimass_stream.verify.faults.circuit import FailingModel
from aimass_stream.verify.faults.clock import WrongClock
from aimass_stream.verify.faults.input import (
    Poison,
    PoisonOnly,
    PoisonThroughput,
    SentTwice,
    SkewedTimes,
    WrittenTwice,
)
from aimass_stream.verify.faults.models import (
    BalloonModel,
    CrashModel,
    FreezeModel,
    HangModel,
    MiscountingModel,
    NanModel,
    RaisingModel,
)
from aimass_stream.verify.faults.network import BadNetwork
from aimass_stream.verify.faults.overload import SlowModel
from aimass_stream.verify.faults.processes import (
    KillDevice,
    KillLearner,
    KillWorker,
    SecondSignal,
    TerminateWorkers,
)
from aimass_stream.verify.faults.state import DamagedSnapshot, FullSnapshots, LostLog
from aimass_stream.verify.faults.storm import Storm

FAULTS: Sequence[type[Fault]] = (
    KillWorker,
    KillDevice,
    KillLearner,
    TerminateWorkers,
    SecondSignal,
    KillBroker,
    PauseBroker,
    PauseBrokerLong,
    Poison,
    PoisonThroughput,
    PoisonOnly,
    SentTwice,
    WrittenTwice,
    SkewedTimes,
    WrongClock,
    Oversize,
    RaisingModel,
    NanModel,
    MiscountingModel,
    FailingModel,
    HangModel,
    FreezeModel,
    CrashModel,
    BalloonModel,
    SlowModel,
    DamagedSnapshot,
    FullSnapshots,
    BadNetwork,
    Storm,
    LostLog,
)
