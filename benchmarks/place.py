"""Where a contestant reads and writes: told in its environment, so that each is a plain program."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Place:
    """A run's place on the broker and on disk.

    Attributes:
        server: `host:port` of the broker.
        source: the topic that is read.
        answers: the topic that is written; it has as many partitions.
        group: a consumer group that nobody used before.
        state: a folder for what a contestant keeps.
    """

    server: str
    source: str
    answers: str
    group: str
    state: Path

    @classmethod
    def from_env(cls) -> Self:
        """As the runner said it."""
        env = os.environ
        return cls(
            env["BENCH_SERVER"],
            env["BENCH_SOURCE"],
            env["BENCH_ANSWERS"],
            env["BENCH_GROUP"],
            Path(env["BENCH_STATE"]),
        )

    def to_env(self) -> dict[str, str]:
        """What `from_env` reads."""
        return {
            "BENCH_SERVER": self.server,
            "BENCH_SOURCE": self.source,
            "BENCH_ANSWERS": self.answers,
            "BENCH_GROUP": self.group,
            "BENCH_STATE": str(self.state),
        }
