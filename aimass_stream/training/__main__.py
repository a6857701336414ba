"""`python -m aimass_stream.training demo FOLDER`: train the demo's models and keep them.

`demo` stands for all of them, one after the other; a modality's name for its own. What is there
already is not trained again. A process of its own, so that whoever asks for a model need not
import torch.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aimass_stream.errors import AimassError
from aimass_stream.training.loop import Progress
from aimass_stream.training.outcome import Trained

EVERY = "demo"
"""Stands for everything that can be trained."""


def _train_digits(folder: Path, progress: Progress) -> Sequence[Trained]:
    from aimass_stream.training.images import train_digits

    return [train_digits(folder, progress)]


def _train_sounds(folder: Path, progress: Progress) -> Sequence[Trained]:
    from aimass_stream.training.audio import train_sounds

    return [train_sounds(folder, progress)]


def _train_messages(folder: Path, progress: Progress) -> Sequence[Trained]:
    from aimass_stream.training.message_models import train_messages

    return train_messages(folder, progress)


TRAININGS: dict[str, Callable[[Path, Progress], Sequence[Trained]]] = {
    "digits": _train_digits,
    "sounds": _train_sounds,
    "messages": _train_messages,
}
"""What can be trained, by name."""
USAGE = f"usage: python -m aimass_stream.training {'|'.join((EVERY, *TRAININGS))} MODELS_FOLDER"


def main(arguments: list[str]) -> int:
    """Train what is named; progress goes to standard error."""
    if len(arguments) != 2 or arguments[0] not in {EVERY, *TRAININGS}:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    name, folder = arguments
    try:
        for each in TRAININGS if name == EVERY else (name,):
            _train_and_tell(each, Path(folder))
    except AimassError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _train_and_tell(name: str, folder: Path) -> None:
    def show(share: float, text: str) -> None:
        sys.stderr.write(f"  {name}: {share:4.0%}  {text}\n")
        sys.stderr.flush()

    for trained in TRAININGS[name](folder, show):
        sys.stderr.write(f"{trained.name}@{trained.version} is ready{_share(trained)}\n")


def _share(trained: Trained) -> str:
    if math.isnan(trained.accuracy) or not trained.held_out_rows:
        return ""
    return f", {trained.accuracy:.1%} on what was held out"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
