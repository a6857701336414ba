"""`python -m aimass_stream.training digits FOLDER`: train the demo's model and keep it.

A process of its own, so that whoever asks for a model need not import torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aimass_stream.errors import AimassError
from aimass_stream.training.images import train_digits

USAGE = "usage: python -m aimass_stream.training digits MODELS_FOLDER"


def main(arguments: list[str]) -> int:
    """Train what is named; progress goes to standard error."""
    if len(arguments) != 2 or arguments[0] not in {"digits", "demo"}:
        sys.stderr.write(f"{USAGE}\n")
        return 2

    def show(share: float, text: str) -> None:
        sys.stderr.write(f"  {share:4.0%}  {text}\n")
        sys.stderr.flush()

    try:
        trained = train_digits(Path(arguments[1]), show)
    except AimassError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    share = f", right on {trained.accuracy:.1%} of held-out images" if trained.held_out_rows else ""
    sys.stderr.write(f"{trained.name}@{trained.version} is ready{share}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
