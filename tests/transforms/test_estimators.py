"""What is fitted: kept without a pickle, the same again, and refused where it does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from safetensors.numpy import load_file, save_file
from sklearn import (
    cluster,
    decomposition,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    naive_bayes,
    neighbors,
    preprocessing,
    svm,
    tree,
)
from sklearn.pipeline import make_pipeline

from aimass_stream import transforms as t
from aimass_stream.adapters.estimator import EstimatedClass
from aimass_stream.adapters.estimator_files import outputs_of, read_estimator, task_of
from aimass_stream.adapters.sklearn import Sklearn
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import settings
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec, import_adapter
from aimass_stream.records import Image, Prediction, Record
from aimass_stream.registry.files import scan
from aimass_stream.registry.folder import resolve
from aimass_stream.training.captured import Captured
from aimass_stream.training.fitting import fit
from aimass_stream.transforms.chain import Transform
from aimass_stream.transforms.estimators import Arrays, freeze, thaw
from aimass_stream.transforms.forms import FORMS
from aimass_stream.transforms.frozen import learned_of
from tests.zoo.pictures import picture

DRAW = np.random.default_rng(5)
ROWS = DRAW.uniform(0, 4, (60, 5))
LABELS = np.where(ROWS[:, 0] > 2, "yes", np.where(ROWS[:, 1] > 2, "no", "maybe"))
NUMBERS = ROWS @ [1.0, -2.0, 0.0, 3.0, 0.5]
OBJECTS = [orjson.dumps({"x": row.tolist()}) for row in ROWS]
MODELS = [
    cluster.KMeans(3, random_state=0),
    ensemble.ExtraTreesClassifier(4, random_state=0),
    ensemble.ExtraTreesRegressor(4, random_state=0),
    ensemble.RandomForestClassifier(4, random_state=0, n_jobs=2),
    ensemble.RandomForestRegressor(4, random_state=0, max_depth=3),
    linear_model.LinearRegression(),
    linear_model.LogisticRegression(C=0.5),
    linear_model.Perceptron(),
    linear_model.Ridge(),
    naive_bayes.GaussianNB(),
    neighbors.KNeighborsClassifier(3, weights="distance"),
    neighbors.KNeighborsRegressor(3),
    svm.LinearSVC(),
    svm.LinearSVR(),
    svm.SVC(kernel="poly"),
    svm.SVR(),
    tree.DecisionTreeClassifier(),
    tree.DecisionTreeRegressor(),
    tree.ExtraTreeClassifier(),
    tree.ExtraTreeRegressor(),
]
COLUMNS: list[tuple[Transform, Any]] = [
    (t.Impute("most_frequent"), impute.SimpleImputer(strategy="most_frequent")),
    (t.StandardScale(), preprocessing.StandardScaler()),
    (t.MinMaxScale(clip=True), preprocessing.MinMaxScaler(clip=True)),
    (t.RobustScale(), preprocessing.RobustScaler()),
    (t.Normalize("l1"), preprocessing.Normalizer("l1")),
    (t.VarianceThreshold(1.3), feature_selection.VarianceThreshold(1.3)),
    (t.ChiSquare(2), feature_selection.SelectKBest(feature_selection.chi2, k=2)),
    (
        t.RecursiveElimination(2),
        feature_selection.RFE(
            linear_model.LogisticRegression(max_iter=1_000), n_features_to_select=2
        ),
    ),
    (t.PrincipalComponents(2, whiten=True), decomposition.PCA(2, whiten=True, svd_solver="full")),
]


def answers_for(model: Any) -> Any:
    return {"classification": LABELS, "regression": NUMBERS, "clustering": None}[task_of(model)]


def gram(one: Any, other: Any) -> Any:
    return one @ other.T


def records(values: list[bytes]) -> list[Record]:
    return [Record("events", at % 2, at, 0, None, value, ()) for at, value in enumerate(values)]


def fitted(folder: Path, model: Any, **told: Any) -> Captured:
    answers = answers_for(model)
    told = {"chain": t.Chain(t.Numbers("x", 5), t.StandardScale()), **told}
    return fit(folder, records(OBJECTS), answers, estimator=model, **told)


def test_every_form_is_tried() -> None:
    tried = {type(one).__name__ for one in MODELS} | {type(one).__name__ for _, one in COLUMNS}
    assert tried == set(FORMS)


@pytest.mark.parametrize("model", MODELS, ids=lambda one: type(one).__name__)
def test_an_estimator_comes_back_from_json_and_arrays(model: Any, tmp_path: Path) -> None:
    model.fit(ROWS, answers_for(model))
    arrays: Arrays = {}
    plain = orjson.loads(orjson.dumps(freeze(model, arrays)))
    save_file(arrays, tmp_path / "a.safetensors")
    back = thaw(plain, load_file(tmp_path / "a.safetensors"))
    others = DRAW.uniform(-1, 5, (200, 5))
    np.testing.assert_array_equal(back.predict(others), model.predict(others))
    task = task_of(model)
    np.testing.assert_allclose(
        outputs_of(back, task, others), outputs_of(model, task, others), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(("step", "same"), COLUMNS, ids=lambda one: type(one).__name__)
def test_columns_are_those_of_the_library_alone_and_together(step: Transform, same: Any) -> None:
    learned: Any = learned_of(step)
    learned.fit(list(ROWS), LABELS.tolist())
    arrays: Arrays = {}
    plain = orjson.loads(orjson.dumps(learned.freeze(arrays, "0.")))
    back: Any = learned_of(step)
    back.thaw(plain, arrays)
    due = same.fit(ROWS, LABELS).transform(ROWS)
    np.testing.assert_allclose(back.rows(ROWS), due, rtol=0, atol=1e-12)
    for row, expected in zip(ROWS, due, strict=True):
        np.testing.assert_allclose(back(row), expected, rtol=0, atol=1e-12)


def test_a_model_answers_as_a_pipeline_of_the_library(tmp_path: Path) -> None:
    captured = fitted(tmp_path / "m", svm.SVC())
    assert captured.ranges == {"events/0": (0, 58), "events/1": (1, 59)}
    predictor = EstimatedClass(
        resolve(Sklearn("classification", str(tmp_path / "m")), tmp_path), ""
    )
    pipeline = make_pipeline(preprocessing.StandardScaler(), svm.SVC()).fit(ROWS, LABELS)
    found: list[Any] = predictor.predict([predictor.decode(value) for value in OBJECTS])
    assert [one.label for one in found] == pipeline.predict(ROWS).tolist()
    assert all(sum(one.scores.values()) == pytest.approx(1) for one in found)


def test_the_same_range_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fitted(tmp_path / name, ensemble.RandomForestClassifier(3, random_state=0))
    assert scan(tmp_path / "a") == scan(tmp_path / "b")
    assert sorted(scan(tmp_path / "a")) == [
        *("chain.json", "chain.safetensors"),
        *("estimator.json", "estimator.safetensors"),
    ]


def test_bad_records_of_a_range_are_left_out_and_counted(tmp_path: Path) -> None:
    values = [b"{", b'{"x": [1]}', b'{"x": [9e9, 1, 1, 1, 1]}', b'{"x": [null, 1, 1, 1, 1]}']
    chain = t.Chain(t.Numbers("x", 5), t.RefuseOutliers(), t.StandardScale())
    model = tree.DecisionTreeClassifier(random_state=0)
    found = fit(
        tmp_path, records(OBJECTS + values), [*LABELS, *"abcd"], chain=chain, estimator=model
    )
    assert len(found.values) == len(OBJECTS)
    assert found.refused == {"bad_envelope": 2, "transform_error": 2}
    assert read_estimator(tmp_path)[0].labels == ["maybe", "no", "yes"]


def test_a_bad_record_costs_itself_in_a_batch(tmp_path: Path) -> None:
    chain = t.Chain(t.Numbers("x", 5), t.RefuseOutliers(), t.StandardScale())
    fitted(tmp_path / "m", neighbors.KNeighborsClassifier(3), chain=chain)
    spec = resolve(Sklearn("classification", str(tmp_path / "m"), top=1), tmp_path)
    predictor = EstimatedClass(spec, "cpu")
    good = [predictor.decode(value) for value in OBJECTS[:3]]
    far = predictor.decode(b'{"x": [1e6, 1, 1, 1, 1]}')
    missing = predictor.decode(b'{"x": [1, 1, 1, null, 1]}')
    together = predictor.predict([good[0], far, good[1], missing, good[2]])
    alone = [predictor.predict([one])[0] for one in good]
    assert [together[at] for at in (0, 2, 4)] == alone
    assert all(isinstance(one, Prediction) and len(one.scores) == 1 for one in alone)
    for at, said in ((1, "column 0 lies outside"), (3, "column 3 of 5 holds no number")):
        assert isinstance(together[at], RecordError)
        assert together[at].reason is Reason.TRANSFORM_ERROR
        assert said in together[at].detail


def test_clipped_to_quantiles_of_the_range() -> None:
    learned: Any = learned_of(t.ClipOutliers(0.1, 0.9))
    learned.fit(list(ROWS), None)
    low, high = np.quantile(ROWS, (0.1, 0.9), axis=0)
    np.testing.assert_array_equal(learned.rows(ROWS), np.clip(ROWS, low, high))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"answers": [1]}, "as many answers as records"),
        ({"estimator": make_pipeline(svm.SVC())}, "cannot be kept without a pickle"),
        ({"estimator": svm.SVC(kernel=gram)}, "kernel=.* cannot be kept"),
        ({"chain": t.Chain(t.Numbers("y", 5))}, "No record is left"),
        ({"chain": t.Chain(t.Numbers("x", 5), t.PrincipalComponents(9))}, "cannot be fitted"),
    ],
)
def test_what_cannot_be_learnt_is_said(told: dict[str, Any], said: str, tmp_path: Path) -> None:
    given = {"chain": t.Chain(t.Numbers("x", 5)), "estimator": svm.SVC(), **told}
    answers = given.pop("answers", LABELS)
    with pytest.raises(ConfigError, match=said):
        fit(tmp_path, records(OBJECTS), answers, **given)


def cycle(arrays: Arrays, described: dict[str, Any]) -> None:
    arrays["tree_.left_child"][0] = 0


def outside(arrays: Arrays, described: dict[str, Any]) -> None:
    arrays["tree_.right_child"][0] = 10_000


def column(arrays: Arrays, described: dict[str, Any]) -> None:
    arrays["tree_.feature"][0] = 77


def other(arrays: Arrays, described: dict[str, Any]) -> None:
    arrays["tree_.threshold"] += 1


def pipeline(arrays: Arrays, described: dict[str, Any]) -> None:
    described["estimator"]["class"] = "Pipeline"


def attribute(arrays: Arrays, described: dict[str, Any]) -> None:
    described["estimator"]["learnt"]["__class__"] = "x"


def parts(arrays: Arrays, described: dict[str, Any]) -> None:
    del arrays["tree_.values"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cycle, "nodes do not fit each other"),
        (outside, "nodes do not fit each other"),
        (column, "nodes do not fit each other"),
        (other, "does not answer as it did"),
        (pipeline, "Pipeline is not offered"),
        (attribute, "__class__ of a DecisionTreeClassifier may not be set"),
        (parts, "tree_.values"),
    ],
)
def test_a_spoiled_file_is_refused(
    spoil: Callable[[Arrays, dict[str, Any]], None], said: str, tmp_path: Path
) -> None:
    fitted(tmp_path, tree.DecisionTreeClassifier(random_state=0))
    arrays = load_file(tmp_path / "estimator.safetensors")
    described = json.loads((tmp_path / "estimator.json").read_text())
    spoil(arrays, described)
    save_file(arrays, tmp_path / "estimator.safetensors")
    (tmp_path / "estimator.json").write_text(json.dumps(described))
    with pytest.raises(SetupError, match=said):
        read_estimator(tmp_path)


@pytest.mark.parametrize("spoilt", ["forest", "tree", "unsaid"])
def test_a_tree_never_reads_columns_that_are_not_there(spoilt: str) -> None:
    model = ensemble.RandomForestClassifier(3, random_state=0).fit(ROWS, LABELS)
    arrays: Arrays = {}
    plain = freeze(model, arrays)
    learnt = plain["learnt"]
    inner = learnt["estimators_"]["estimators"][1]["learnt"]
    if spoilt == "forest":
        learnt["n_features_in_"] = 2
    elif spoilt == "tree":
        inner["n_features_in_"] = inner["tree_"]["tree"]["features"] = 9
    else:
        del inner["n_features_in_"]
    with pytest.raises(SetupError, match="do not fit each other"):
        thaw(plain, arrays)


@pytest.mark.parametrize("name", ["_n_support", "support_vectors_", "_dual_coef_", "_intercept_"])
def test_libsvm_is_never_given_lengths_that_do_not_fit(name: str, tmp_path: Path) -> None:
    fitted(tmp_path, svm.SVC())
    arrays = load_file(tmp_path / "estimator.safetensors")
    arrays[name] = np.ascontiguousarray(arrays[name][:-1])
    save_file(arrays, tmp_path / "estimator.safetensors")
    with pytest.raises(SetupError, match="support vectors do not fit each other"):
        read_estimator(tmp_path)


def test_libsvm_is_never_told_where_a_kernel_was_computed(tmp_path: Path) -> None:
    """It would look there, however far out that is."""
    fitted(tmp_path, svm.SVC())
    text = (tmp_path / "estimator.json").read_text()
    described = json.loads(text)
    named = text.replace('"kernel":"rbf"', '"kernel":"precomputed"')
    if named == text:
        described["estimator"]["arguments"]["kernel"] = "precomputed"
        named = json.dumps(described)
    (tmp_path / "estimator.json").write_text(named)
    with pytest.raises(SetupError, match="support vectors do not fit each other"):
        read_estimator(tmp_path)


def test_claims_of_a_range_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMASS_CLAIM_PREFIXES", f'["{tmp_path.as_uri()}/"]')
    settings.cache_clear()
    store = PayloadStore(tmp_path)
    values = []
    for seed in range(4):
        file = picture(16, 16, seed)
        held = file if seed else Image.encode_claim(store.put(file, "image/png"))[0]
        values.append(Image("t", 0, seed, 0, None, held, ()))
    chain = t.Chain(t.Brightness(), t.StandardScale())
    found = fit(str(tmp_path / "m"), values, list("abab"), chain=chain, estimator=svm.SVC())
    settings.cache_clear()
    assert (len(found.values), found.refused) == (4, {})


def test_a_chain_belongs_to_one_declaration(tmp_path: Path) -> None:
    fitted(tmp_path / "m", svm.SVC())
    other = Sklearn("classification", str(tmp_path / "m"), before=t.Chain(t.Fields(("a",))))
    with pytest.raises(SetupError, match="was fitted behind before=\\[\\]"):
        EstimatedClass(resolve(other, tmp_path), "cpu")
    with pytest.raises(SetupError, match="is for classification"):
        load(Sklearn("regression", str(tmp_path / "m")), tmp_path)
    (tmp_path / "m" / "chain.json").unlink()
    with pytest.raises(SetupError, match=r"has no chain\.json"):
        load(Sklearn("classification", str(tmp_path / "m")), tmp_path)


def load(model: Sklearn[Any], folder: Path) -> Any:
    spec: ModelSpec = resolve(model, folder)
    return import_adapter(spec.adapter)(spec, "cpu")
