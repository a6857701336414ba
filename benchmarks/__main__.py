"""`python -m benchmarks`: runs row sets one after another, each into its own result file."""

from __future__ import annotations

import argparse
from pathlib import Path

from aimass_stream.cli.terminal import use_broker
from aimass_stream.config import load_settings
from benchmarks.engine.run import run_engine

ROW_SETS = {"engine": run_engine}


def main() -> None:
    """Parse the arguments and run what they name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=sorted(ROW_SETS), help="one row set; all if not given")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with use_broker(load_settings()) as url:
        for name, run in ROW_SETS.items():
            if options.only in {None, name}:
                run(url, options.rounds, options.out / f"{name}.json")


if __name__ == "__main__":
    main()
