"""Members behind chains answer as they would alone; so do estimators of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from aimass_stream import Ensemble, Graph, Sklearn, Step, Torch, Transformers
from aimass_stream import transforms as t
from aimass_stream.ensembles.poll import EVERY_LABEL
from aimass_stream.ensembles.runner import Runner
from aimass_stream.ensembles.voter import Voter
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import Model, import_adapter
from aimass_stream.records import Prediction, Text
from aimass_stream.registry.folder import resolve
from aimass_stream.training.fitting import fit
from aimass_stream.transforms.running import Running
from tests.adapters import text_models
from tests.ensembles.fakes import Boxes
from tests.ensembles.test_runner import Street
from tests.zoo import networks, sounds
from tests.zoo.pictures import PICTURES, pixels

pytestmark = pytest.mark.filterwarnings("ignore")

LINES = [text.encode() for text in text_models.SENTENCES]
EVENED = t.Chain(t.EqualizeHistogram(), t.MedianFilter())


class Modality(NamedTuple):
    """A classifier that the test builds, a chain that changes what it is given, and payloads."""

    build: Callable[[Path], Any]
    declare: Callable[..., Model[Any]]
    before: t.Chain
    payloads: list[bytes]


MODALITIES = {
    "image": Modality(
        partial(networks.build_chain, networks.DENSE),
        partial(Torch, "image-classification"),
        EVENED,
        list(PICTURES[:3]),
    ),
    "sound": Modality(
        sounds.build_ast,
        partial(Transformers, "audio-classification"),
        t.Chain(t.ClipPeaks(level=0.05)),
        sounds.RECORDINGS[:3],
    ),
    "text": Modality(
        partial(text_models.build, "classifier"),
        partial(Transformers, "text-classification"),
        t.Chain(t.StopWords(("english",))),
        LINES[:3],
    ),
}


def alone(model: Model[Any], registry: Path, payloads: list[bytes]) -> list[Prediction]:
    spec = resolve(model, registry)
    predictor = import_adapter(spec.adapter)(spec, "cpu")
    found: list[Prediction] = predictor.predict([predictor.decode(one) for one in payloads])
    return found


def votes(members: list[Model[Any]], registry: Path, payloads: list[bytes]) -> list[Any]:
    voter = Voter(resolve(Ensemble("vote", members, top=EVERY_LABEL), registry), "cpu")
    return voter.predict([voter.decode(one) for one in payloads])


def means(told: list[list[Prediction]]) -> list[dict[str, float]]:
    """The mean score of each label, for each record."""
    return [
        {label: float(np.mean([one.scores[label] for one in said])) for label in said[0].scores}
        for said in zip(*told, strict=True)
    ]


@pytest.fixture(params=MODALITIES)
def modality(request: pytest.FixtureRequest, tmp_path: Path) -> Modality:
    found = MODALITIES[request.param]
    (tmp_path / "model").mkdir()
    found.build(tmp_path / "model")
    return found


def test_a_member_behind_a_chain_answers_as_it_would_alone(
    modality: Modality, tmp_path: Path
) -> None:
    plain = modality.declare(str(tmp_path / "model"), top=99)
    chained = modality.declare(str(tmp_path / "model"), top=99, before=modality.before)
    told = [alone(one, tmp_path, modality.payloads) for one in (plain, chained)]
    assert told[0] != told[1]
    found = votes([plain, chained], tmp_path, modality.payloads)
    due = means(told)
    assert [one.scores for one in found] == [pytest.approx(one, abs=1e-4) for one in due]
    assert found == votes([plain, chained], tmp_path, modality.payloads)
    assert len(found[0].members) == 2


def test_members_share_what_is_opened_and_not_what_a_chain_changed(
    modality: Modality, tmp_path: Path
) -> None:
    def load(**settings: Any) -> Any:
        spec = resolve(modality.declare(str(tmp_path / "model"), **settings), tmp_path)
        return import_adapter(spec.adapter)(spec, "cpu")

    plain, chained = load(), load(before=modality.before)
    assert plain.opening == chained.opening
    assert plain.preparing is not None
    assert chained.preparing is None
    opened = chained.open(modality.payloads[0])
    chained.prepare(opened)
    assert np.array_equal(opened, plain.open(modality.payloads[0]))


def test_a_crop_goes_through_the_chain(tmp_path: Path) -> None:
    networks.build_chain(networks.DENSE, tmp_path)

    def load(**settings: Any) -> Any:
        spec = resolve(Torch("image-classification", str(tmp_path), **settings), tmp_path)
        return import_adapter(spec.adapter)(spec, "cpu")

    crop = np.ascontiguousarray(pixels(PICTURES[0])[3:30, 2:20])
    found = load(before=EVENED).prepare(crop)
    assert np.array_equal(found, load().prepare(Running.of(EVENED)(crop)))
    assert not np.array_equal(found, load().prepare(crop))


def test_a_member_whose_chain_refuses_a_record_leaves_the_vote(tmp_path: Path) -> None:
    folder = str(text_models.build("classifier", tmp_path / "model"))
    plain = Transformers("text-classification", folder)
    chained = Transformers("text-classification", folder, before=t.Chain(t.StopWords(("english",))))
    first, second = votes([plain, chained], tmp_path, [b"it is not in the", LINES[0]])
    assert len(first.members) == 1
    assert len(second.members) == 2
    with pytest.raises(RecordError) as caught:
        alone(chained, tmp_path, [b"it is not in the"])
    assert caught.value.reason is Reason.EMPTY


def test_the_version_of_the_whole_counts_the_chain_of_a_part(tmp_path: Path) -> None:
    folder = str(text_models.build("classifier", tmp_path / "model"))

    def version(*steps: t.Transform) -> str:
        before: dict[str, Any] = {"before": t.Chain(*steps)} if steps else {}
        part = Transformers("text-classification", folder, **before)
        other = Transformers("text-classification", folder)
        return resolve(Ensemble("vote", (part, other)), tmp_path).version

    found = [version(), version(t.Lowercase()), version(t.Lowercase(), t.StripSpace())]
    assert len(set(found)) == 3
    assert version(t.Lowercase()) == found[1]


def fitted(folder: Path, labels: list[str]) -> Sklearn[Prediction]:
    records = [Text("t", 0, at, 0, None, value, ()) for at, value in enumerate(LINES * 2)]
    answers = [labels[at % len(labels)] for at in range(len(records))]
    chain = t.Chain(t.Tfidf(min_records=1), t.StandardScale())
    fit(folder, records, answers, chain=chain, estimator=LogisticRegression())
    return Sklearn("classification", str(folder), top=1)


def test_an_estimator_votes_beside_a_network(tmp_path: Path) -> None:
    folder = str(text_models.build("classifier", tmp_path / "model"))
    network = Transformers("text-classification", folder, top=4)
    estimator = fitted(tmp_path / "estimator", list(text_models.LABELS.values()))
    every = Sklearn("classification", str(tmp_path / "estimator"), top=4)
    told = [alone(one, tmp_path, LINES) for one in (network, every)]
    found = votes([network, estimator], tmp_path, LINES)
    assert [one.scores for one in found] == [pytest.approx(one, abs=1e-4) for one in means(told)]


def test_an_estimator_of_other_labels_is_refused(tmp_path: Path) -> None:
    folder = str(text_models.build("classifier", tmp_path / "model"))
    network = Transformers("text-classification", folder)
    estimator = fitted(tmp_path / "estimator", ["refund", "delivery", "spam"])
    with pytest.raises(SetupError, match="know different labels: other, praise, spam"):
        votes([network, estimator], tmp_path, LINES)


def test_an_estimator_looks_at_no_crops(tmp_path: Path) -> None:
    estimator = fitted(tmp_path / "estimator", ["car", "cat"])
    steps = {"found": Step(Boxes()), "makes": Step(estimator, after="found")}
    with pytest.raises(SetupError, match="'makes' needs parts of the image"):
        Runner(resolve(Graph("street", steps, answer=Street), tmp_path), "cpu")
