"""A combiner is fitted on labelled outputs, published, and loaded by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from aimass_stream.ensembles.combiner import Combiner
from aimass_stream.errors import ConfigError
from aimass_stream.records import Prediction
from aimass_stream.registry.folder import find
from aimass_stream.training.stacking import (
    LabelledOutputs,
    fit_combiner,
    main,
    outputs_of,
    read_outputs,
)
from tests.ensembles.fakes import Scripted


def said(**scores: float) -> Prediction:
    best = dict(sorted(scores.items(), key=lambda pair: -pair[1]))
    return Prediction(next(iter(best)), next(iter(best.values())), best)


def contrary(labels: str, rows: int = 60) -> list[LabelledOutputs]:
    """The first member guesses; the second is sure of what comes after the right label."""
    draw = np.random.default_rng(0)
    found = []
    for row in range(rows):
        right = labels[row % len(labels)]
        wrong = labels[(row + 1) % len(labels)]
        rest = 0.1 / (len(labels) - 1)
        sure = {label: 0.9 if label == wrong else rest for label in labels}
        guess = dict(zip(labels, draw.dirichlet(np.ones(len(labels))).tolist(), strict=True))
        found.append(LabelledOutputs(right, [said(**guess), said(**sure)]))
    return found


@pytest.mark.parametrize("labels", ["ab", "abc"])
def test_a_combiner_learns_whom_to_believe_and_how(labels: str) -> None:
    outputs = contrary(labels)
    combiner = fit_combiner(outputs)
    assert combiner.labels == list(labels)
    for one in outputs:
        found = combiner.combine(one.outputs)
        assert sum(found.values()) == pytest.approx(1.0)
        assert max(found, key=lambda label: found[label]) == one.label


def test_the_same_outputs_give_the_same_combiner() -> None:
    answers = contrary("abc")[0].outputs
    first, second = (fit_combiner(contrary("abc")).combine(answers) for _ in range(2))
    assert first == second


def test_what_cannot_be_fitted_on_is_refused() -> None:
    outputs = contrary("abc")
    with pytest.raises(ConfigError, match="No record has the label c"):
        fit_combiner([one for one in outputs if one.label != "c"])
    with pytest.raises(ConfigError, match="at least two"):
        fit_combiner([LabelledOutputs("a", [said(a=1.0)])])
    with pytest.raises(ConfigError, match="same members"):
        fit_combiner([*outputs, LabelledOutputs("a", [said(a=1.0)])])
    with pytest.raises(ConfigError, match="one label"):
        fit_combiner([LabelledOutputs("a", [said(a=1.0), said(a=1.0)])])


def test_members_that_do_not_answer_teach_nothing() -> None:
    silent = LabelledOutputs("a", [None, None])
    half = [LabelledOutputs(one.label, [None, one.outputs[1]]) for one in contrary("ab", 10)]
    combiner = fit_combiner([silent, *contrary("ab"), *half])
    found = combiner.combine(half[0].outputs)
    assert max(found, key=lambda label: found[label]) == half[0].label


def test_outputs_are_what_the_members_say_of_each_payload(tmp_path: Path) -> None:
    payloads = [
        json.dumps({"a": yes, "b": other}).encode()
        for yes, other in ((0.9, 0.2), ("refuse", 0.3), (0.6, "undecodable"))
    ]
    found = outputs_of([Scripted("a"), Scripted("b")], payloads, ["x", "y", "z"], tmp_path)
    assert [one.label for one in found] == ["x", "y", "z"]
    scores = [[said and said.scores for said in one.outputs] for one in found]
    assert scores[0] == [{"yes": 0.9, "no": pytest.approx(0.1)}, {"no": 0.8, "yes": 0.2}]
    assert scores[1][0] is None
    assert scores[2][1] is None


def lines(outputs: list[LabelledOutputs]) -> str:
    def plain(said: Prediction | None) -> dict[str, Any] | None:
        return None if said is None else msgspec.structs.asdict(said)

    rows = [{"label": one.label, "outputs": [*map(plain, one.outputs)]} for one in outputs]
    return "\n".join(map(json.dumps, rows)) + "\n\n"


def test_the_command_fits_and_publishes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "outputs.jsonl"
    file.write_text(lines(contrary("abc")))
    assert main([str(file), "stack", str(tmp_path / "models")]) == 0
    assert "stack@1 is ready, fitted on 60 records" in capsys.readouterr().err
    manifest = find(tmp_path / "models", "stack")
    assert manifest is not None
    assert (manifest.task, manifest.labels) == ("stacking", ["a", "b", "c"])
    answers = contrary("abc")[0].outputs
    loaded = Combiner.load(tmp_path / "models" / "stack" / "1")
    assert loaded.combine(answers) == fit_combiner(contrary("abc")).combine(answers)


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(tmp_path / "none"), "stack", str(tmp_path)]) == 78
    file = tmp_path / "outputs.jsonl"
    file.write_text(lines(contrary("ab", 1)) + '{"label": 3}\n')
    with pytest.raises(ConfigError, match=r"outputs.jsonl, line 3: "):
        list(read_outputs(file))
    capsys.readouterr()
