"""Coverage-guided fuzzing of every codec and record parser, with atheris.

    python -m tests.fuzz                      every target, a minute each
    python -m tests.fuzz images --seconds 600

Inputs begin with the catalogue of bad input and with whole files, which the tests build. What
raises anything but a `RecordError`, takes longer than ten seconds or more than 2 GB is written to
a folder and ends the run; give it to the target again with `--again FILE`, then make it a case of
`tests/bad_input`.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("images", "clips", "audio", "texts", "events", "envelopes")
"""The targets; they are imported later, under instrumentation."""
INPUT_S = 10
MEMORY_MB = 2048
INPUT_BYTES = 64 * 1024


def main() -> int:
    """Fuzz one target, or each in a process of its own; the exit code of the first that failed."""
    options = read_options()
    if options.target is None:
        return fuzz_all(options)
    try:
        import atheris
    except ImportError:
        sys.stderr.write(
            "tests.fuzz: atheris is not installed here. It has wheels for Linux on x86_64 and "
            "Python 3.11 to 3.13; there type: make fuzz\n"
        )
        return 69
    with atheris.instrument_imports(include=["aimass_stream", "PIL"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[options.target]
    if options.again is not None:
        target.run(options.again.read_bytes())
        return 0
    options.crashes.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="corpus-") as corpus:
        for seed in target.seeds():
            Path(corpus, hashlib.sha256(seed).hexdigest()).write_bytes(seed)
        arguments = [
            sys.argv[0],
            f"-max_total_time={options.seconds}",
            f"-artifact_prefix={options.crashes / options.target}-",
            f"-timeout={INPUT_S}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-max_len={INPUT_BYTES}",
            f"-seed={options.seed}",
            corpus,
        ]
        atheris.Setup(arguments, target.run)
        atheris.Fuzz()
    return 0


def fuzz_all(options: argparse.Namespace) -> int:
    """Each target in turn, since libFuzzer ends its process."""
    for name in NAMES:
        sys.stderr.write(f"tests.fuzz: {name} for {options.seconds} s\n")
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(options.seconds)]
        command += ["--crashes", str(options.crashes), "--seed", str(options.seed)]
        code = subprocess.run(command, check=False).returncode
        if code:
            return code
    return 0


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", nargs="?", choices=NAMES, help="one of them; all if left out")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (default 1)")
    parser.add_argument("--again", type=Path, metavar="FILE", help="give the target this input")
    parser.add_argument(
        "--crashes",
        type=Path,
        metavar="FOLDER",
        default=Path(tempfile.gettempdir(), "aimass-fuzz"),
        help="where findings go (default %(default)s)",
    )
    options = parser.parse_args()
    if options.again is not None and options.target is None:
        parser.error("--again needs a target, e.g. python -m tests.fuzz images --again crash-1")
    return options


if __name__ == "__main__":
    sys.exit(main())
