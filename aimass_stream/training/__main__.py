"""`python -m aimass_stream.training demo|digits|sounds FOLDER`: train the demo's models, keep them.

`demo` stands for all of them, one after the other; what is there already is not trained again.

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
EVERY = "demo"
"""Stands for all of them."""
USAGE = f"usage: python -m aimass_stream.training {'|'.join((EVERY, *NOUNS))} MODELS_FOLDER"


def main(arguments: list[str]) -> int:
    """Train what is named; progress goes to standard error."""
    if len(arguments) != 2 or arguments[0] not in {EVERY, *NOUNS}:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    wanted = NOUNS if arguments[0] == EVERY else (arguments[0],)
    try:
        for what in wanted:
            _train_and_tell(what, Path(arguments[1]))
    except AimassError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _train_and_tell(what: str, folder: Path) -> None:
    def show(share: float, text: str) -> None:
        sys.stderr.write(f"  {what}: {share:4.0%}  {text}\n")
        sys.stderr.flush()

    trained = _train(what, folder, show)
    share = ""
    if trained.held_out_rows:
        share = f", right on {trained.accuracy:.1%} of held-out {NOUNS[what]}"
    sys.stderr.write(f"{trained.name}@{trained.version} is ready{share}\n")


def _train(what: str, folder: Path, progress: Progress) -> Trained:
    if what == "sounds":
        from aimass_stream.training.audio import train_sounds

        return train_sounds(folder, progress)
    from aimass_stream.training.images import train_digits

    return train_digits(folder, progress)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
