"""Commands run as a user runs them, and what they leave on a topic."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from aimass_stream.kafka.reader import TopicReader
from aimass_stream.kafka.sender import Sender
from aimass_stream.records import Record

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)
"""One red pixel."""

ARGV = [sys.executable, "-m", "aimass_stream.cli.main"]


def aimass(
    *args: str, env: Mapping[str, str], cwd: Path, timeout_s: float = 40
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*ARGV, *args],
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


HEEDING = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL);"
    "os.execvp(sys.argv[1], sys.argv[1:])",
)
"""What a command is started under that is to heed SIGHUP, also where the tests run under nohup."""


def start_aimass(
    *args: str,
    env: Mapping[str, str],
    cwd: Path,
    errors: Path | None = None,
    under: Sequence[str] = (),
) -> subprocess.Popen[str]:
    """Start a command; standard error goes to a file if given, else where the output goes.

    Args:
        under: a command that becomes it, such as nohup.
    """
    with errors.open("w") if errors else nullcontext(subprocess.STDOUT) as stderr:
        return subprocess.Popen(
            [*under, *ARGV, *args],
            env=env,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )


def wait_for_lines(path: Path, count: int, timeout_s: float = 30) -> None:
    """Wait until a file has so many lines."""
    deadline = time.monotonic() + timeout_s
    while not path.is_file() or path.read_bytes().count(b"\n") < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} has fewer than {count} lines")
        time.sleep(0.02)


async def read_topic(url: str, topic: str) -> list[Record]:
    """Every record of a topic, as it ends now."""
    records: list[Record] = []
    async with TopicReader(url, [topic]) as reader:
        ends = await reader.end_offsets()
        while len(records) < sum(ends.values()):
            for chunk in await reader.poll():
                records += chunk.records(Record)
    return records


async def send(url: str, topic: str, *values: bytes | None, **options: object) -> None:
    """Send values to a topic that exists."""
    async with Sender(url) as sender:
        for value in values:
            await sender.send(topic, value, **options)  # type: ignore[arg-type]


def make_pictures(folder: Path, count: int) -> list[str]:
    """Images below a folder, in two folders that are their labels; their names in order."""
    names = []
    for number in range(count):
        path = folder / ("cat", "dog")[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
        names.append(path.relative_to(folder).as_posix())
    return sorted(names)
