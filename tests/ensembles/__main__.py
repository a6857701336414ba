"""`python -m tests.ensembles`: how right members are alone and together, on two real sets."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from tests.ensembles.real import digits, measure, segments


def main() -> None:
    """Print it."""
    torch.set_num_threads(1)
    for data in (digits(), segments()):
        with tempfile.TemporaryDirectory() as home:
            found = measure(data, Path(home))
        print(f"{data.name}: {len(data.test.files)} records")  # noqa: T201 - a command's answer
        print("  members", " ".join(f"{one:.1%}" for one in found.members))  # noqa: T201
        for way, accuracy in found.accuracy.items():
            print(f"  {way:17} {accuracy:.1%}")  # noqa: T201
        print(f"  the cascade asked on for {found.asked:.1%}")  # noqa: T201


if __name__ == "__main__":
    main()
