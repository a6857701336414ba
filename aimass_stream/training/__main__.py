"""`python -m aimass_stream.training digits|sounds FOLDER`: train a model of the demo's, keep it.

A process of its own, so that whoever asks for a model need not import torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from aimass_stream.errors import AimassError
from aimass_stream.training.loop import Progress
from aimass_stream.training.outcome import Trained

NOUNS = {"digits": "images", "sounds": "recordings"}
"""What can be trained, and what it is measured on."""
USAGE = f"usage: python -m aimass_stream.training {'|'.join(NOUNS)} MODELS_FOLDER"


def main(arguments: list[str]) -> int:
    """Train what is named; progress goes to standard error."""
    if len(arguments) != 2 or arguments[0] not in NOUNS:
        sys.stderr.write(f"{USAGE}\n")
        return 2

    def show(share: float, text: str) -> None:
        sys.stderr.write(f"  {arguments[0]}: {share:4.0%}  {text}\n")
        sys.stderr.flush()

    what, folder = arguments
    try:
        trained = _train(what, Path(folder), show)
    except AimassError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    share = ""
    if trained.held_out_rows:
        share = f", right on {trained.accuracy:.1%} of held-out {NOUNS[what]}"
    sys.stderr.write(f"{trained.name}@{trained.version} is ready{share}\n")
    return 0


def _train(what: str, folder: Path, progress: Progress) -> Trained:
    if what == "sounds":
        from aimass_stream.training.audio import train_sounds

        return train_sounds(folder, progress)
    from aimass_stream.training.images import train_digits

    return train_digits(folder, progress)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
