"""`python -m aimass_stream.training.stacking OUTPUTS NAME MODELS_FOLDER`: fit a combiner.

`OUTPUTS` has a JSON object a line, of records that no member was trained on: the right label, and
what each member of the ensemble answered, in the order of its declaration; null for one that did
not answer. `top` of the members must have told all scores.

```json
{"label": "7", "outputs": [{"label": "7", "score": 0.8, "scores": {"7": 0.8, "1": 0.2}}, null]}
```

The combiner is published under `NAME`, for `Ensemble(..., by="stacking",
combiner="models://NAME")`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from aimass_stream.ensembles.combiner import Combiner, features
from aimass_stream.ensembles.members import Member, Opened, load_member
from aimass_stream.ensembles.poll import EVERY_LABEL
from aimass_stream.ensembles.rules import counted
from aimass_stream.errors import AimassError, ConfigError, RecordError
from aimass_stream.model import Model
from aimass_stream.records import Prediction
from aimass_stream.registry.folder import publish, resolve

TASK = "stacking"
"""The task of a published combiner."""

STRENGTH = 1.0
"""Inverse of the penalty on the squares of the weights, as scikit-learn's `C`."""

_BATCH_ROWS = 64
_USAGE = "usage: python -m aimass_stream.training.stacking OUTPUTS NAME MODELS_FOLDER"


class LabelledOutputs(msgspec.Struct, frozen=True):
    """What the members of an ensemble answered to one record, and what is right.

    Attributes:
        label: the right label.
        outputs: the answer of each member, in order; None where it had none.
    """

    label: str
    outputs: list[Prediction | None]


def outputs_of(
    members: Sequence[Model[Any]],
    payloads: Sequence[bytes],
    labels: Sequence[str],
    models_folder: Path,
) -> list[LabelledOutputs]:
    """What members answer to labelled payloads, on the CPU of this process.

    Args:
        members: as they are declared for the ensemble.
        payloads: such as `Record.bytes`; no member must have been trained on them.
        labels: of the payloads.
        models_folder: the registry.

    Raises:
        AimassError: a member is not to be found, or cannot be loaded.
    """
    loaded = [load_member(resolve(one, models_folder), "cpu", top=EVERY_LABEL) for one in members]
    rows: list[list[Prediction | None]] = []
    for first in range(0, len(payloads), _BATCH_ROWS):
        opened = [Opened(payload) for payload in payloads[first : first + _BATCH_ROWS]]
        columns = [_answers(member, opened) for member in loaded]
        rows += [list(said) for said in zip(*columns, strict=True)]
    for member in loaded:
        member.predictor.close()
    return [LabelledOutputs(label, said) for label, said in zip(labels, rows, strict=True)]


def fit_combiner(outputs: Iterable[LabelledOutputs]) -> Combiner:
    """The multinomial logistic regression, with a penalty on squares, of labels on outputs.

    Records without any answer teach nothing. The same outputs give the same combiner.

    Raises:
        ConfigError: members or labels are too few, or a label has no record.
    """
    from sklearn.linear_model import LogisticRegression

    useful = [one for one in outputs if any(said is not None for said in one.outputs)]
    members = {len(one.outputs) for one in useful}
    if len(members) != 1 or min(members) < 2:
        raise ConfigError("Each record needs the outputs of the same members, at least two.")
    labels = sorted({label for one in useful for label in _told(one)})
    unseen = sorted(set(labels) - {one.label for one in useful})
    if unseen or len(labels) < 2:
        raise ConfigError(
            f"No record has the label {', '.join(unseen[:3])}: add some of each label."
            if unseen
            else "All records have one label: there is nothing to tell apart."
        )
    rows = np.array([features(one.outputs, labels).ravel() for one in useful])
    model = LogisticRegression(C=STRENGTH, max_iter=2_000)
    model.fit(rows, [one.label for one in useful])
    weights, bias = model.coef_, model.intercept_
    if len(labels) == 2:
        # Of two labels the library tells the second one's alone.
        weights = np.concatenate([np.zeros_like(weights), weights])
        bias = np.concatenate([np.zeros_like(bias), bias])
    return Combiner(labels, weights.reshape(len(labels), members.pop(), len(labels)), bias)


def publish_combiner(combiner: Combiner, name: str, models_folder: Path) -> str:
    """Put a combiner into the registry.

    Returns:
        The version.

    Raises:
        ConfigError: the name cannot be one.
    """
    with tempfile.TemporaryDirectory() as place:
        combiner.save(Path(place))
        return publish(models_folder, name, Path(place), task=TASK, labels=combiner.labels)


def read_outputs(path: Path) -> Iterator[LabelledOutputs]:
    """The records of a file of JSON lines.

    Raises:
        ConfigError: it cannot be read, or a line of it.
    """
    decode = msgspec.json.Decoder(LabelledOutputs).decode
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    for number, line in enumerate(lines, 1):
        try:
            if line.strip():
                yield decode(line)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{path}, line {number}: {error}.") from error


def main(arguments: list[str]) -> int:
    """Fit and publish a combiner; what came of it goes to standard error."""
    if len(arguments) != 3:
        sys.stderr.write(f"{_USAGE}\n")
        return 2
    path, name, models_folder = arguments
    try:
        outputs = list(read_outputs(Path(path)))
        version = publish_combiner(fit_combiner(outputs), name, Path(models_folder))
    except AimassError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stderr.write(f"{name}@{version} is ready, fitted on {len(outputs)} records\n")
    return 0


def _answers(member: Member, payloads: Sequence[Opened]) -> list[Prediction | None]:
    """What a member says of each payload; None where it says nothing that counts."""
    inputs = [one.input_of(member) for one in payloads]
    able = [row for row, one in enumerate(inputs) if not isinstance(one, RecordError)]
    found: list[Prediction | None] = [None] * len(inputs)
    for row, answer in zip(able, member.ask([inputs[row] for row in able]), strict=True):
        checked = counted(answer, member.id)
        found[row] = None if isinstance(checked, RecordError) else checked
    return found


def _told(one: LabelledOutputs) -> set[str]:
    """The labels that anybody speaks of."""
    told = {one.label}
    for said in one.outputs:
        told |= set() if said is None else {said.label, *said.scores}
    return told


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
