"""`python -m aimass_stream.training digits FOLDER`: train the demo's models and keep them.

A process of its own, so that whoever asks for a model need not import torch.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aimass_stream.errors import AimassError
from aimass_stream.training.classifier import Progress
from aimass_stream.training.images import Trained, train_digits
from aimass_stream.training.message_models import train_messages

USAGE = "usage: python -m aimass_stream.training digits|messages|demo MODELS_FOLDER"


def _digits(models_folder: Path, progress: Progress) -> Sequence[Trained]:
    return [train_digits(models_folder, progress)]


TRAININGS: dict[str, Sequence[Callable[[Path, Progress], Sequence[Trained]]]] = {
    "digits": (_digits,),
    "messages": (train_messages,),
    "demo": (_digits, train_messages),
}
"""What can be trained: everything, or the models of one modality."""


def main(arguments: list[str]) -> int:
    """Train what is named; progress goes to standard error."""
    if len(arguments) != 2 or arguments[0] not in TRAININGS:
        sys.stderr.write(f"{USAGE}\n")
        return 2

    def show(share: float, text: str) -> None:
        sys.stderr.write(f"  {share:4.0%}  {text}\n")
        sys.stderr.flush()

    try:
        for train in TRAININGS[arguments[0]]:
            for trained in train(Path(arguments[1]), show):
                sys.stderr.write(f"{trained.name}@{trained.version} is ready{_share(trained)}\n")
    except AimassError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _share(trained: Trained) -> str:
    if math.isnan(trained.accuracy):
        return ""
    return f", {trained.accuracy:.1%} on what was held out"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
