"""`python -m benchmarks`: runs row sets one after another, each into its own result file."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from aimass_stream.cli.terminal import hush_clients
from aimass_stream.config import load_settings
from aimass_stream.kafka.embedded import lease_broker
from aimass_stream.runtime.signals import unwinding
from benchmarks.bench import Bench
from benchmarks.plots import plot

ROW_SETS: Mapping[str, str] = {
    "engine": "benchmarks.engine.run:run_engine",
    "profile": "benchmarks.engine.profile:run_profile",
    "layers": "benchmarks.layers:run_layers",
    "start": "benchmarks.start:run_start",
    "latency": "benchmarks.latency:run_latency",
    "text": "benchmarks.device.run:run_text",
    "images": "benchmarks.device.run:run_images",
    "audio": "benchmarks.device.run:run_audio",
    "engines": "benchmarks.device.engines:run_engines",
    "mixed": "benchmarks.device.mixed:run_mixed",
    "generation": "benchmarks.generation:run_generation",
    "scale": "benchmarks.scale:run_scale",
    "memory": "benchmarks.memory.run:run_memory",
    "backlog": "benchmarks.backlog.run:run_backlog",
    "served": "benchmarks.served.run:run_served",
    "gpu": "benchmarks.gpu.run:run_gpu",
}
"""What runs each; imported when it is its turn, since some import model libraries."""

BROKERLESS = frozenset({"generation", "gpu", "layers"})
"""Those that need no broker."""

PEERS = Path(".venv-peers/bin/python")


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments and run what they name."""
    options = _parse(argv)
    hush_clients()
    written: dict[Path, None] = {}
    try:
        # make passes on what it is told, and the broker must not outlive either.
        with (
            unwinding(),
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
            _broker(Path(folder), options.only) as (url, pid),
        ):
            bench = Bench(
                url=url,
                broker_pid=pid,
                rounds=options.rounds,
                out=options.out,
                scratch=Path(folder),
                peers=options.peers,
                data=options.data,
                share=options.share,
                written=written,
            )
            for name in [options.only] if options.only else ROW_SETS:
                _run(name, bench)
    except (KeyboardInterrupt, SystemExit) as ended:
        kept = ", ".join(map(str, written))
        what = f"what was measured is in {kept}" if kept else "nothing was measured"
        print(f"Ended early; {what}.", flush=True)
        sys.exit(getattr(ended, "code", 130))


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options; ends the process with a sentence where they cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="ROWS", help=f"one of {', '.join(ROW_SETS)}; all if none")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (%(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results"), help="folder of results"
    )
    parser.add_argument(
        "--peers", default=str(PEERS), help="Python with the other engines (%(default)s)"
    )
    parser.add_argument("--data", type=Path, help="folder of real data, for `served`")
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the usual records, for a quick look"
    )
    options = parser.parse_args(argv)
    if options.only is not None and options.only not in ROW_SETS:
        _refuse(f"There are no rows {options.only!r}. There are: {', '.join(ROW_SETS)}.")
    if options.rounds < 1 or options.share <= 0:
        _refuse("Nothing is measured in less than one round, or with no records.")
    if options.only == "served" and not (options.data and options.data.is_dir()):
        _refuse("`served` needs a folder of real data that is there: DATA=dir.")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=options.out):
            pass
    except OSError as error:
        _refuse(
            f"No results can be written to {options.out}: {error.strerror}. Name another: OUT=dir."
        )
    return options


def _refuse(why: str) -> NoReturn:
    print(why, file=sys.stderr)
    sys.exit(2)


def _run(name: str, bench: Bench) -> None:
    print(f"== {name}", flush=True)
    module, _, function = ROW_SETS[name].partition(":")
    getattr(import_module(module), function)(bench)
    if (picture := plot(name, bench.out)) is not None:
        bench.written[picture] = None
    if bench.written:
        print(f"Written so far: {', '.join(map(str, bench.written))}", flush=True)


@contextmanager
def _broker(folder: Path, only: str | None) -> Iterator[tuple[str, int | None]]:
    """The broker of `AIMASS_BROKER`, else one of our own that is gone afterwards, and its pid."""
    if only in BROKERLESS:
        yield "", None
        return
    given = load_settings().broker
    if given:
        yield given, None
        return
    with lease_broker(folder / "broker", say=print) as broker:
        yield broker.url, broker.pid


if __name__ == "__main__":
    main()
