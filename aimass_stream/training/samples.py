"""`python -m aimass_stream.training.samples FOLDER`: files to produce where there are none yet.

Pictures of digits in a folder a label, and behaviour as JSON lines. The same every time.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from aimass_stream.training.digits import digit_images
from aimass_stream.training.sessions import behaviour_events

IMAGES = 500
"""Pictures written."""
EVENTS = 5_000
"""Behaviour events written."""


def write_samples(folder: Path, *, images: int = IMAGES, events: int = EVENTS) -> None:
    """Write `images/<label>/<number>.jpg` or `.png`, and `behaviour.jsonl`.

    Raises:
        OSError: they cannot be written.
    """
    for number, (picture, label) in enumerate(islice(digit_images("stream"), images)):
        suffix = "png" if picture.startswith(b"\x89PNG") else "jpg"
        path = folder / "images" / label / f"{number:05}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "behaviour.jsonl").open("wb") as file:
        file.writelines(event.value + b"\n" for event in islice(behaviour_events(), events))


def main(arguments: list[str]) -> int:
    """Write the samples into the folder that is named."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write("usage: python -m aimass_stream.training.samples FOLDER\n")
        return 2
    folder = Path(arguments[0])
    try:
        write_samples(folder)
    except OSError as error:
        sys.stderr.write(f"{folder} cannot be written: {error.strerror or error}\n")
        return 1
    sys.stderr.write(f"{IMAGES} images and {EVENTS} behaviour events are in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
