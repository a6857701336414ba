"""A user's folder of labelled files, and its split into what is trained on and what is not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from aimass_stream.errors import ConfigError

Labels = Literal["folder", "prefix"]
"""Where the label of a file is: `cat/1.jpg`, or `cat_1.jpg`."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file and its label.

    Attributes:
        name: its place in the folder, e.g. `cat/1.jpg`.
    """

    path: Path
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Split:
    """A folder's files, split; both parts in order of name.

    Attributes:
        classes: all labels, in order.
    """

    classes: list[str]
    train: list[Labelled]
    held_out: list[Labelled]


def check_folder(folder: Path) -> None:
    """See that a folder of files to learn from is there.

    Raises:
        ConfigError: it is not, or is a file.
    """
    if not folder.is_dir():
        raise ConfigError(f"There is no folder {folder.absolute()}. Name the one to learn from")


def labelled_files(
    folder: Path, suffixes: Collection[str], *, noun: str, labels: Labels = "folder"
) -> list[Labelled]:
    """The files of a folder with their labels, in order of name.

    Args:
        folder: where they are.
        suffixes: of the files that count, the first of them for messages.
        noun: what they are, for messages, e.g. `images`.
        labels: whether the folder a file lies in is its label, or what stands before the first
            underscore of its name; a name without one has no label and does not count.

    Raises:
        ConfigError: there is no such folder, or it has fewer than two classes.
    """
    check_folder(folder)
    found = []
    for path in sorted(folder.glob("*/*" if labels == "folder" else "*")):
        prefix, underscore, _ = path.name.partition("_")
        label = path.parent.name if labels == "folder" else prefix if underscore else ""
        if label and path.suffix.lower() in suffixes:
            found.append(Labelled(path, path.relative_to(folder).as_posix(), label))
    if len({file.label for file in found}) < 2:
        first, second = (
            (f"{folder}/{name}{'/' if labels == 'folder' else '_'}1{next(iter(suffixes))}")
            for name in ("cat", "dog")
        )
        raise ConfigError(
            f"{folder} holds fewer than two classes. Put the {noun} of each class "
            f"{'into a folder of its own' if labels == 'folder' else 'under names of its own'}: "
            f"{first}, {second}"
        )
    return found


def split_files(
    files: list[Labelled], named: Iterable[str] | None, fraction: float, seed: int
) -> Split:
    """Split files into those to train on and the rest.

    Args:
        files: all of them.
        named: names of those to train on; None draws them.
        fraction: of each class, the share that is drawn.
        seed: of the draw.

    Raises:
        ConfigError: a named file is not there, or nothing is left to train on.
    """
    classes = sorted({file.label for file in files})
    if named is not None:
        chosen = frozenset(named)
        missing = chosen - {file.name for file in files}
        if missing:
            raise ConfigError(f"{len(missing)} of the train_files are not there")
    else:
        draw = np.random.default_rng(seed)
        drawn: list[str] = []
        for label in classes:
            of_class = [file.name for file in files if file.label == label]
            order = draw.permutation(len(of_class))[: round(fraction * len(of_class))]
            drawn += [of_class[row] for row in order]
        chosen = frozenset(drawn)
    if not chosen:
        raise ConfigError("The split leaves no file to train on")
    train = [file for file in files if file.name in chosen]
    return Split(classes, train, [file for file in files if file.name not in chosen])


def read(files: list[Labelled]) -> tuple[list[bytes], list[str]]:
    """The files' bytes and labels."""
    return [file.path.read_bytes() for file in files], [file.label for file in files]
