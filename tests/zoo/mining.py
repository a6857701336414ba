"""Estimators of scikit-learn behind chains that were fitted, on every kind of record."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from PIL import Image as Pictures
from scipy import ndimage, signal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import RFE, SelectKBest, VarianceThreshold, chi2
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from transformers.audio_utils import mel_filter_bank, spectrogram

from aimass_stream import transforms as t
from aimass_stream.adapters.sklearn import Sklearn
from aimass_stream.errors import Reason
from aimass_stream.records import Audio, Behaviour, Cluster, Estimate, Image, Prediction, Record
from aimass_stream.records.behaviour import encode_event
from aimass_stream.training.fitting import fit
from tests.zoo.case import Case
from tests.zoo.pictures import picture, pixels
from tests.zoo.sounds import heard, noisy

Rows = NDArray[np.float64]

PICTURES = [picture(40 + seed, 64 - seed, seed) for seed in range(24)]
SOUNDS = [noisy(0.3 + 0.02 * seed, seed) for seed in range(12)]


def draw(count: int) -> list[dict[str, Any]]:
    """Customers, of whom some tell less than others."""
    random = np.random.default_rng(3)
    found = random.normal(size=(count, 6)).round(6)
    rows = [dict(zip("abcdef", row, strict=True)) for row in found.tolist()]
    for place, row in enumerate(rows):
        row["g"] = 1.0
        if place % 5 == 0:
            row["b"] = None
    return rows


CUSTOMERS = draw(80)
CHURNS = ["stays" if row["a"] + row["c"] - row["f"] > 0 else "leaves" for row in CUSTOMERS]
KINDS = [("low", "middle", "high")[int(np.digitize(row["a"], [-0.5, 0.5]))] for row in CUSTOMERS]
SPENT = [2 * row["a"] - 3 * row["c"] + 1 for row in CUSTOMERS]
EVENTS = [encode_event("u", "i", metadata=row, time_ms=1_700_000_000_000) for row in CUSTOMERS]
OBJECTS = [orjson.dumps(row) for row in CUSTOMERS]


def fields(payload: bytes) -> Rows:
    found = orjson.loads(payload)
    return np.array([np.nan if found[name] is None else found[name] for name in "abcdefg"])


def look(payload: bytes) -> Rows:
    """Colours, brightness, edges and gradients, as the libraries' documentation has them."""
    from skimage.feature import hog

    image = pixels(payload)
    grey = Pictures.fromarray(image).convert("L")
    luma = np.asarray(grey, np.float32)
    colours = [np.histogram(image[:, :, c], 4, (0, 256))[0] / luma.size for c in range(3)]
    along, down = ndimage.sobel(luma, 1), ndimage.sobel(luma, 0)
    angles = np.degrees(np.arctan2(down, along)) % 180
    edges, _ = np.histogram(angles, 9, (0, 180), weights=np.hypot(along, down))
    small = np.asarray(grey.resize((32, 32), Pictures.Resampling.BILINEAR))
    gradients = hog(small, pixels_per_cell=(8, 8), cells_per_block=(2, 2))
    shade = [np.mean(luma / 255), np.std(luma / 255)]
    return np.concatenate([*colours, shade, edges / edges.sum(), gradients])


def listen(payload: bytes) -> Rows:
    """Log-mel levels, with transformers' own spectrogram."""
    bank = mel_filter_bank(257, 20, 0.0, 8_000.0, 16_000, norm=None, mel_scale="htk")
    window, samples = signal.windows.hann(512, sym=False), heard(payload)
    frames = signal.ShortTimeFFT(window, 256, fs=1).stft(samples)
    level = spectrogram(
        np.pad(samples, (256, 512)), window, 512, 256, power=2.0, mel_filters=bank, center=False
    )
    powers = np.maximum(bank.T @ np.abs(frames) ** 2, 1e-10)
    shared = min(level.shape[1], powers.shape[1] - 1)
    np.testing.assert_allclose(level[:, :shared], powers[:, :shared], rtol=1e-4, atol=1e-8)
    decibels = 10 * np.log10(powers)
    return np.concatenate([decibels.mean(axis=1), decibels.std(axis=1)])


def transform(payload: bytes) -> Rows:
    """Magnitudes of scipy's short-time Fourier transform."""
    window = signal.windows.hann(256, sym=False)
    found = np.abs(signal.ShortTimeFFT(window, 128, fs=1).stft(heard(payload)))
    return np.concatenate([found.mean(axis=1), found.std(axis=1)])


LOOKS = t.Join.of(t.ColourHistogram(bins=4), t.Brightness(), t.EdgeDirection(), t.Hog(32, 32))
NAMED = t.Fields(list("abcdefg"))  # type: ignore[arg-type]  # a list becomes a tuple
SELECTED = t.Chain(
    NAMED,
    t.Impute("mean"),
    t.VarianceThreshold(1e-6),
    t.MinMaxScale(),
    t.ChiSquare(5),
    t.RecursiveElimination(4),
    t.PrincipalComponents(3),
)
SELECTION = make_pipeline(
    SimpleImputer(),
    VarianceThreshold(1e-6),
    MinMaxScaler(),
    SelectKBest(chi2, k=5),
    RFE(LogisticRegression(max_iter=1_000), n_features_to_select=4),
    PCA(3, svd_solver="full"),
)
SCALED = t.Chain(NAMED, t.Impute(), t.StandardScale())
SCALING = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


@cache
def pipeline_of(case: str) -> Any:
    """The same on scikit-learn's own pipeline."""
    plan = PLANS[case]
    steps = [*clone(plan.pipeline).steps, ("estimator", clone(plan.estimator))]
    rows = np.stack([plan.read(value) for value in plan.values])
    return Pipeline(steps).fit(rows, plan.answers)


class Plan:
    """What is fitted, by the engine and by the library."""

    def __init__(
        self,
        kind: type[Record],
        values: list[bytes],
        answers: list[Any] | None,
        chain: t.Chain,
        read: Callable[[bytes], Rows],
        pipeline: Any,
        estimator: Any,
    ) -> None:
        self.kind, self.values, self.answers = kind, values, answers
        self.chain, self.read, self.pipeline = chain, read, pipeline
        self.estimator = estimator


def build(case: str, folder: Path) -> None:
    plan = PLANS[case]
    records = [plan.kind("t", 0, at, 0, None, value, ()) for at, value in enumerate(plan.values)]
    fit(folder, records, plan.answers, chain=plan.chain, estimator=plan.estimator)


def classify(case: str, folder: Path, payload: bytes) -> Prediction:
    del folder
    pipeline = pipeline_of(case)
    rows = PLANS[case].read(payload)[np.newaxis]
    (label,) = pipeline.predict(rows)
    if hasattr(pipeline, "predict_proba"):
        (scores,) = pipeline.predict_proba(rows)
    else:
        margins = np.atleast_1d(pipeline.decision_function(rows)[0])
        margins = np.concatenate([[0.0], margins]) if len(margins) == 1 else margins
        scores = np.exp(margins) / np.exp(margins).sum()
    pairs = sorted(zip(pipeline.classes_, scores.tolist(), strict=True), key=lambda one: -one[1])
    found = {str(name): score for name, score in pairs}
    found = {str(label): found.pop(str(label)), **found}
    return Prediction(str(label), found[str(label)], found)


def estimate(case: str, folder: Path, payload: bytes) -> Estimate:
    del folder
    (value,) = pipeline_of(case).predict(PLANS[case].read(payload)[np.newaxis])
    return Estimate({"value": float(value)})


def cluster(case: str, folder: Path, payload: bytes) -> Cluster:
    del folder
    rows = PLANS[case].read(payload)[np.newaxis]
    (place,) = pipeline_of(case).predict(rows)
    return Cluster(int(place), float(pipeline_of(case).transform(rows)[0, place]))


FOREST = RandomForestClassifier(n_estimators=12, random_state=1)
WHOLE = make_pipeline(StandardScaler())
FEATURES = t.Chain(LOOKS, t.StandardScale())
PLANS: dict[str, Plan] = {
    "sklearn-forest-on-images": Plan(
        Image, PICTURES, ["warm", "cold", "grey"] * 8, FEATURES, look, WHOLE, FOREST
    ),
    "sklearn-neighbours-on-audio": Plan(
        Audio,
        SOUNDS,
        ["near", "far"] * 6,
        t.Chain(t.Mel(bands=20), t.StandardScale()),
        listen,
        WHOLE,
        KNeighborsClassifier(3),
    ),
    "sklearn-clusters-of-audio": Plan(
        Audio,
        SOUNDS,
        None,
        t.Chain(t.Stft(256, 128), t.StandardScale()),
        transform,
        WHOLE,
        KMeans(3, random_state=0),
    ),
    "sklearn-svm-on-behaviour": Plan(Behaviour, EVENTS, KINDS, SELECTED, fields, SELECTION, SVC()),
    "sklearn-tree": Plan(
        Record, OBJECTS, CHURNS, SCALED, fields, SCALING, DecisionTreeClassifier(random_state=2)
    ),
    "sklearn-logistic-regression": Plan(
        Record, OBJECTS, KINDS, SELECTED, fields, SELECTION, LogisticRegression()
    ),
    "sklearn-perceptron": Plan(Record, OBJECTS, CHURNS, SCALED, fields, SCALING, Perceptron()),
    "sklearn-linear-regression": Plan(
        Record, OBJECTS, SPENT, SCALED, fields, SCALING, LinearRegression()
    ),
}


def case(name: str, task: Any, library: Any, rows: tuple[str, ...], needs: str = "") -> Case:
    plan = PLANS[name]
    bad = (b"\x89PNG\r\n\x1a\nbroken", Reason.UNDECODABLE)
    if plan.kind is Audio:
        bad = (SOUNDS[0][:40], Reason.UNDECODABLE)
    elif plan.kind is not Image:
        bad = (b'{"a": "no number"}', Reason.BAD_ENVELOPE)
    return Case(
        name,
        rows,
        partial(build, name),
        partial(Sklearn, task),
        plan.values[:6],
        partial(library, name),
        bad,
        plan.kind,
        needs,
    )


CASES = [
    case("sklearn-forest-on-images", "classification", classify, ("C2", "D1"), "skimage"),
    case("sklearn-neighbours-on-audio", "classification", classify, ("C2", "D1")),
    case("sklearn-clusters-of-audio", "clustering", cluster, ("C1", "D1")),
    case("sklearn-svm-on-behaviour", "classification", classify, ("C3", "D1")),
    case("sklearn-tree", "classification", classify, ("C2", "D1")),
    case("sklearn-logistic-regression", "classification", classify, ("C3", "D1")),
    case("sklearn-perceptron", "classification", classify, ("D1",)),
    case("sklearn-linear-regression", "regression", estimate, ("D1",)),
]
