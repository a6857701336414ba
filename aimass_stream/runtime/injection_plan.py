"""The plan of a fault test: which model calls are spoilt, and how. For `aimass verify` alone.

A process whose environment names a plan file in `AIMASS_FAULTS` does what it says (`injected`).
The file is written whole, and read again when it changes, once a call at the most: so faults
begin, and are repaired, while the processes run. Every call of a model that the plan speaks of
is noted beside it, since a test whose fault never struck proves nothing.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Literal

import msgspec

from aimass_stream.records import Limits, Record

FAULTS = "AIMASS_FAULTS"
"""The environment variable that names the plan."""

Kind = Literal["raise", "nan", "wrong_count", "hang", "freeze", "crash", "balloon", "slow"]

_ID_CHARS = 16

log = logging.getLogger("aimass.device")


class Injection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault.

    It strikes calls in which there is a victim. Which records are victims does not change when
    they are tried again, so the outcome of each is known beforehand.

    Attributes:
        kind: `raise`: the call raises. `nan`: the numbers in the victims' answers become NaN.
            `wrong_count`: one answer is missing. `hang`: the call never returns. `freeze`: the
            process stands still, its watchdog included. `crash`: it dies of SIGSEGV. `balloon`:
            it grows by `balloon_bytes`, then hangs. `slow`: the call takes `slow_ms` longer.
        model: whose calls, `name@version` of a model or a learner; empty for all.
        victims: SHA-256 of payloads, in hex; empty for every record.
        share: of these, how many are victims, drawn from the plan's seed.
        slow_ms: milliseconds.
        balloon_bytes: bytes; never more than half of what the machine has free.
    """

    kind: Kind
    model: str = ""
    victims: frozenset[str] = frozenset()
    share: float = 1.0
    slow_ms: float = 100.0
    balloon_bytes: int = 8 * 1024**3


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All faults of a test.

    Attributes:
        seed: of what is drawn.
        timeout_s: the most that a call may take before it counts as hung, whatever a declaration
            says; counts for models that are loaded after it was written. None leaves it.
        snapshot_rows: the most that a learner learns from one snapshot to the next, likewise.
        injections: the faults; none when everything is repaired.
    """

    seed: int = 0
    timeout_s: float | None = None
    snapshot_rows: int | None = None
    injections: tuple[Injection, ...] = ()

    def concerns(self, model: str) -> list[Injection]:
        """The faults that may strike calls of a model, `name@version`."""
        return [one for one in self.injections if one.model in {"", model}]

    def is_victim(self, injection: Injection, payload_digest: str) -> bool:
        """Whether a fault strikes the calls that a payload is in."""
        if injection.victims and payload_digest not in injection.victims:
            return False
        return injection.share >= 1 or self._drawn(payload_digest) < injection.share

    def _drawn(self, payload_digest: str) -> float:
        seed = self.seed.to_bytes(8, "big", signed=True)
        drawn = blake2b(payload_digest.encode(), digest_size=6, key=seed).digest()
        return int.from_bytes(drawn, "big") / 2**48


class Call(msgspec.Struct, frozen=True):
    """One call of a model that a plan speaks of, as it began.

    Attributes:
        at_s: `time.monotonic()`, which all processes of a machine share.
        pid: of the model process.
        model: `name@version`.
        rows: its records, as `short_id` of their payloads' digests.
        struck: those of them that are victims, and the kind of the fault, the plan's first.
        learns: whether it is a learner, whose records are events.
    """

    at_s: float
    pid: int
    model: str
    rows: list[str]
    struck: dict[str, Kind]
    learns: bool = False


class PlanFile:
    """A plan on disk.

    Args:
        path: of the plan; the calls are noted beside it, in `<path>.calls`. It need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._calls = path.with_name(f"{path.name}.calls")
        self._known = (0, 0)
        self._plan = Plan()

    def write(self, plan: Plan) -> None:
        """Replace the plan, so that a reader sees the old or the new."""
        draft = self.path.with_name(f"{self.path.name}.new")
        draft.write_bytes(msgspec.json.encode(plan))
        draft.replace(self.path)

    def read(self) -> Plan:
        """The plan as it is now, parsed anew only when the file has changed.

        One that cannot be read is logged, and the one before stays in force.
        """
        try:
            seen = self.path.stat()
        except FileNotFoundError:
            return self._plan
        # Two writes may come within one tick of the clock that dates files.
        if self._known != (seen.st_mtime_ns, seen.st_ino):
            self._known = (seen.st_mtime_ns, seen.st_ino)
            try:
                self._plan = msgspec.json.decode(self.path.read_bytes(), type=Plan)
            except (OSError, msgspec.MsgspecError) as error:
                log.error("the plan %s is not read: %s", self.path, error)  # noqa: TRY400 - said in one line
        return self._plan

    def note(
        self, model: str, digests: Sequence[str], struck: dict[str, Kind], *, learns: bool
    ) -> None:
        """Note a call that begins."""
        rows = [short_id(digest) for digest in digests]
        call = Call(time.monotonic(), os.getpid(), model, rows, struck, learns)
        # Opened for each line: what is appended in one write by several processes stays whole.
        with self._calls.open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(call) + b"\n")

    def calls(self) -> list[Call]:
        """The calls noted so far."""
        try:
            lines = self._calls.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=Call) for line in lines]


def short_id(payload_digest: str) -> str:
    """The part of a digest that calls are noted with."""
    return payload_digest[:_ID_CHARS]


def digest_of(payload: bytes | memoryview) -> str:
    """The digest of what a model process is given; of an event's value for a learner."""
    return sha256(payload).hexdigest()


def payload_digest(record: Record, limits: Limits) -> str:
    """The digest of the payload that a record becomes in a model process.

    Whatever form it has on its topic: raw, in JSON, or as a claim check, which carries it.

    Raises:
        RecordError: the record is refused, so no model sees it.
    """
    record.check(limits)
    claim = record.claim
    return digest_of(record.bytes) if claim is None else claim.sha256
