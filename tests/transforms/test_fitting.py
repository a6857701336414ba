"""Fitted chains on real data and real words: the library's answers, from several threads, too."""

from __future__ import annotations

import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aimass_stream import transforms as t
from aimass_stream.adapters.estimator import EstimatedClass
from aimass_stream.adapters.sklearn import Sklearn
from aimass_stream.errors import ConfigError, Reason, RecordError, SetupError
from aimass_stream.model import ModelSpec
from aimass_stream.records import Record, Text
from aimass_stream.registry.folder import find, publish, resolve
from aimass_stream.training.fitting import fit
from aimass_stream.transforms.chain import Kind
from aimass_stream.transforms.frozen import Frozen, learned_of
from aimass_stream.transforms.reading import Reading
from aimass_stream.transforms.running import Running

PAGE = Path(__file__).parents[2] / "docs/models/data-mining.md"
LINES = [
    "the parcel was sent to Paris on Monday",
    "cancel the parcel and refund the order",
    "the order was great, thank you for the order",
    "a refund for Monday",
]


def objects(rows: Any) -> list[bytes]:
    return [orjson.dumps({"x": row.tolist()}) for row in rows]


def texts(lines: list[str]) -> list[Text]:
    return [Text("t", 0, at, 0, None, line.encode(), ()) for at, line in enumerate(lines)]


@pytest.mark.parametrize("data", ["load_iris", "load_wine", "load_breast_cancer"])
def test_held_out_answers_are_those_of_a_batch_fit(data: str, tmp_path: Path) -> None:
    rows, classes = getattr(datasets, data)(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    known, held_out = order[: len(rows) * 7 // 10], order[len(rows) * 7 // 10 :]
    model = RandomForestClassifier(20, random_state=0)
    values = objects(rows)
    records = [Record("t", 0, int(at), 0, None, values[at], ()) for at in known]
    chain = t.Chain(t.Numbers("x", rows.shape[1]), t.StandardScale())
    fit(tmp_path / "m", records, classes[known].tolist(), chain=chain, estimator=model)
    version = publish(tmp_path, "m-published", tmp_path / "m", task="classification")
    manifest = find(tmp_path, "m-published")
    assert manifest is not None
    assert (manifest.version, "chain.json" in manifest.files) == (version, True)
    declared = Sklearn("classification", f"models://m-published@{version}")
    predictor = EstimatedClass(resolve(declared, tmp_path), "cpu")
    due = make_pipeline(StandardScaler(), model).fit(rows[known], classes[known])
    found: Any = predictor.predict([predictor.decode(values[at]) for at in held_out])
    assert [one.label for one in found] == due.predict(rows[held_out]).astype(str).tolist()
    assert due.score(rows[held_out], classes[held_out]) > 0.9


def test_weights_of_words_are_those_of_the_library() -> None:
    learned: Any = learned_of(t.Tfidf(min_records=1))
    learned.fit(LINES, None)
    arrays: dict[str, Any] = {}
    plain = orjson.loads(orjson.dumps(learned.freeze(arrays, "0.")))
    back: Any = learned_of(t.Tfidf(min_records=1))
    back.thaw(plain, arrays)
    library = TfidfVectorizer(stop_words="english").fit(LINES)
    for line in [*LINES, "nothing that is known"]:
        np.testing.assert_array_equal(back(line), library.transform([line]).toarray()[0])
    with pytest.raises(ConfigError, match="Tfidf cannot be fitted"):
        learned_of(t.Tfidf(min_records=3)).fit(LINES[:2], None)


def test_the_page_is_fitted_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.py").write_text(PAGE.read_text().split("```python\n")[1].split("```")[0])
    held = runpy.run_path("page.py")
    predictor = EstimatedClass(resolve(held["churn"], tmp_path), "cpu")
    found: Any = predictor.predict([predictor.decode(orjson.dumps(held["records"][1]))])
    assert found[0].label == "stays"


def test_records_of_no_topic_are_learnt_from_and_not_shown(tmp_path: Path) -> None:
    chain, rows = t.Chain(t.Numbers("x", 1), t.StandardScale()), [{"x": [1.0]}, {"x": [3.0]}, {}]
    bare = fit(tmp_path / "a", rows, chain=chain)
    assert repr(bare) == "Captured(2 records, refused={'bad_envelope': 1}, ranges={})"
    on_a_topic = [Record("t", 0, at, 0, None, orjson.dumps(row), ()) for at, row in enumerate(rows)]
    fit(tmp_path / "b", map(orjson.dumps, rows), chain=chain)
    assert fit(tmp_path / "c", on_a_topic, chain=chain).ranges == {"t/0": (0, 2)}
    learnt = [orjson.loads((tmp_path / one / "chain.json").read_bytes()) for one in "abc"]
    assert learnt[0]["learnt"] == learnt[1]["learnt"] == learnt[2]["learnt"]
    with pytest.raises(ConfigError, match="Record 1 is a str"):
        fit(tmp_path, [rows[0], "x"], chain=chain)  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="Record 0 is no JSON object"):
        fit(tmp_path, [{"x": {1, 2}}], chain=chain)


def test_threads_read_alike(tmp_path: Path) -> None:
    chain = t.Chain(t.Lowercase(), t.Keywords(top=2, min_records=1))
    fit(tmp_path, texts(LINES), chain=chain)
    spec = ModelSpec("m", "1", "x:y", str(tmp_path), {"before": []})
    reading = Reading(spec, Kind.TEXT)
    payloads = [line.encode() for line in LINES] * 25
    alone = [reading.text(one) for one in payloads]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(reading.text, payloads)) == alone
    assert alone[:2] == ["paris sent", "cancel order"]


def test_numbers_come_from_json_by_name() -> None:
    chain = t.Chain(t.Join.of(t.Fields(("a", "b", "c")), t.Category("k", ("x", "y"))))
    found = Running.of(chain)({"a": 3, "b": True, "k": "y", "other": "z"})
    np.testing.assert_array_equal(found, [3, 1, np.nan, 0, 1])
    np.testing.assert_array_equal(Running.of(chain)({"k": "z"})[3:], [0, 0])
    for wrong in ({"a": "3"}, {"k": 7}, {"a": [1]}):
        with pytest.raises(RecordError) as caught:
            Running.of(chain)(wrong)
        assert caught.value.reason is Reason.BAD_ENVELOPE


class Doubled(t.Transform, frozen=True):
    """A feature of a user's."""

    takes = Kind.TEXT
    gives = Kind.VECTOR
    does = "tests.transforms.test_fitting:doubled"


def doubled(text: str) -> Any:
    return np.array([2.0 * len(text), len(text.split())])


def test_a_feature_of_ones_own_is_declared_and_never_in_a_folder(tmp_path: Path) -> None:
    own, scaled = t.Chain(Doubled()), t.Chain(t.StandardScale())
    model, answers = LogisticRegression(), list("abab")
    with pytest.raises(ConfigError, match="this package's steps"):
        fit(tmp_path, texts(LINES), answers, chain=own, estimator=model)
    fit(tmp_path / "m", texts(LINES), answers, before=own, chain=scaled, estimator=model)
    declared = Sklearn("classification", str(tmp_path / "m"), before=own)
    predictor = EstimatedClass(resolve(declared, tmp_path), "cpu")
    rows = np.stack([doubled(line) for line in LINES])
    due = make_pipeline(StandardScaler(), model).fit(rows, answers).predict(rows)
    found: Any = predictor.predict([predictor.decode(line.encode()) for line in LINES])
    assert [one.label for one in found] == due.tolist()
    with pytest.raises(SetupError, match="was fitted behind"):
        EstimatedClass(resolve(Sklearn("classification", str(tmp_path / "m")), tmp_path), "cpu")


def test_a_folder_may_not_say_what_is_imported(tmp_path: Path) -> None:
    fit(tmp_path, texts(LINES), chain=t.Chain(t.Keywords(min_records=1)))
    held = orjson.loads((tmp_path / "chain.json").read_bytes())
    assert set(held) == set(Frozen.__struct_fields__)
    held["steps"][0]["step"] = "tests.transforms.test_fitting:Doubled"
    (tmp_path / "chain.json").write_bytes(orjson.dumps(held))
    spec = ModelSpec("m", "1", "x:y", str(tmp_path), {"before": []})
    with pytest.raises(SetupError, match="is not of this package"):
        Reading(spec, Kind.VECTOR)
