"""Who takes part in the engine row set, what each promises, and how many records it is given."""

from __future__ import annotations

import sys
from dataclasses import dataclass

RECORDS = 400_000
FEWER = 40_000
"""For engines that would take minutes over all of them."""

FLOOR = "aiokafka send_batch"
"""The row that all others are held against; with keys, `acks=all` and our headers."""


@dataclass(frozen=True)
class Contestant:
    """Who takes part: the program, and what it promises.

    Attributes:
        name: as it stands in the result file.
        program: a module of this package, and its arguments.
        guarantee: what it promises about answers.
        package: what must be installed beside NumPy and orjson; empty for what is ours.
        records: how many answers it is measured over.
    """

    name: str
    program: tuple[str, ...]
    guarantee: str
    package: str = ""
    records: int = RECORDS

    def argv(self, peers: str) -> list[str]:
        """The command; other engines run in their own environment."""
        return [peers if self.package else sys.executable, "-m", *self.program]


_HERE = "benchmarks.engine."
_FLOOR_GUARANTEE = "at least once; a bad record stops it"
CONTESTANTS = (
    Contestant(
        "aimass",
        ("aimass_stream.cli.worker_process", _HERE + "aimass_app"),
        "at least once; an outcome for each record, bad records isolated, ids",
    ),
    Contestant(FLOOR, (_HERE + "aiokafka_loop", "--headers"), _FLOOR_GUARANTEE),
    Contestant(FLOOR + ", no headers", (_HERE + "aiokafka_loop",), _FLOOR_GUARANTEE),
    Contestant(
        "librdkafka", (_HERE + "librdkafka_loop", "--headers"), _FLOOR_GUARANTEE, "confluent-kafka"
    ),
    Contestant(
        "librdkafka, no headers", (_HERE + "librdkafka_loop",), _FLOOR_GUARANTEE, "confluent-kafka"
    ),
    Contestant(
        "pathway",
        (_HERE + "pathway_flow",),
        "at least once, from snapshots of its own on disk, each second",
        "pathway",
    ),
    Contestant(
        "bytewax flat_map_batch",
        (_HERE + "bytewax_flow",),
        "at least once, from a recovery store of its own on disk, each second",
        "bytewax",
    ),
    Contestant(
        "quix-streams",
        (_HERE + "quix_rows",),
        "at least once; a bad record stops it",
        "quixstreams",
    ),
    Contestant(
        "faust take_events",
        (_HERE + "faust_take", "worker", "-l", "error", "--without-web"),
        "at most once for a batch whose agent raises: it is acknowledged all the same",
        records=FEWER,
    ),
    Contestant(
        "faust per event",
        (_HERE + "faust_event", "worker", "-l", "error", "--without-web"),
        "at most once for an event whose agent raises: it is acknowledged all the same",
        records=FEWER,
    ),
)
