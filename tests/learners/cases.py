"""Learners and their logs: what the laws are checked on, and what is killed on a broker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aimass_stream.learner import Event, Learner
from aimass_stream.learners.abuse import AbuseGuard
from aimass_stream.learners.anomaly import (
    AutoencoderDetector,
    EnsembleDetector,
    ExtremesDetector,
    HalfSpaceTreesDetector,
    IsolationForestDetector,
    MahalanobisDetector,
    TailsDetector,
    ValueDetector,
)
from aimass_stream.learners.bandit import Bandit
from aimass_stream.learners.clusters import Clusters
from aimass_stream.learners.conversations import Conversations
from aimass_stream.learners.dialogue import Dialogue, Form
from aimass_stream.learners.frames import FrameWindows
from aimass_stream.learners.gallery import Gallery
from aimass_stream.learners.heads import Head
from aimass_stream.learners.online import OnlineClassifier, OnlineRegressor
from aimass_stream.learners.proposer import Proposer
from aimass_stream.learners.quality import QualityWatch
from aimass_stream.learners.recommendation import Recommender, Rules
from aimass_stream.learners.trajectories import Fence, TrajectoryDetector
from aimass_stream.transforms import Chain, Fields, Impute, VarianceThreshold
from tests.learners.events import (
    bandit_log,
    chat_log,
    cluster_log,
    described_shopping,
    dialogue_log,
    frame_log,
    gallery_log,
    head_log,
    number_log,
    quality_log,
    rename,
    shopping,
    value_log,
    vector_log,
    walks,
)


@dataclass(frozen=True)
class Case:
    """A learner and its log; bounds are small, so that the log fills them."""

    learner: Learner[Any]
    events: Callable[[], list[Event]]
    renew: Callable[[Event, int], Event] | None = None


LABELS = ["a", "b", "c"]
SMALL: dict[str, Any] = {
    "block_rows": 16,
    "warm_records": 60,
    "alarm_share": 0.1,
    "rest_records": 3,
    "compared_records": 200,
    "keys": 20,
}
# Refits under way at some block boundaries, in force at others, two of them in one block.
SMALL_FOREST = SMALL | {
    "window_records": 64,
    "refit_records": 40,
    "delay_records": 30,
    "trees": 5,
    "tree_records": 16,
}
SMALL_TREES = SMALL | {"trees": 3, "height": 4, "window_records": 50}
SMALL_NET = SMALL | {"hidden": (8, 3), "replay_records": 50}
SMALL_WINDOW = SMALL | {"window_records": 64, "refit_records": 40}
SMALL_VALUES: dict[str, Any] = {
    "block_rows": 16,
    "alarm_score": 0.5,
    "warm_records": 10,
    "rest_records": 3,
    "recent_values": 20,
    "keys": 12,
}
SMALL_ONLINE: dict[str, Any] = {
    "dimensions": 3,
    "trees": 2,
    "tree_depth": 2,
    "tree_nodes": 9,
    "window_records": 30,
    "fit_records": 30,
    "refit_records": 11,
    "refit_trees": 3,
    "keep_records": 10,
    "block_rows": 12,
}
OTHERS: dict[str, Any] = {
    "kind": "voting",
    "members": ("hoeffding-tree", "linear", "nearest-neighbours", "random-patches"),
}
CHAIN = Chain(Fields(("rooms", "area", "floors")), Impute(), VarianceThreshold(0.01))


def proposer(**told: Any) -> Proposer:
    """Fits flats and houses every forty records."""
    given: dict[str, Any] = {
        "model": "homes",
        "chain": CHAIN,
        "estimator": "LogisticRegression",
        "target": "kind",
        "window_records": 60,
        "refit_records": 40,
        "block_rows": 8,
        **told,
    }
    return Proposer("homes-fit", **given)


MEMBERS = (
    IsolationForestDetector("forest", **SMALL_FOREST),
    AutoencoderDetector("net", **SMALL_NET),
    HalfSpaceTreesDetector("trees", **SMALL_TREES),
)
CASES = {
    "ensemble": Case(
        EnsembleDetector("ensemble", MEMBERS, **SMALL), lambda: walks(330, 12)[0], rename
    ),
    "forest-vector": Case(
        IsolationForestDetector("forest", features="vector", dimensions=4, **SMALL_FOREST),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "forest-behaviour": Case(
        IsolationForestDetector("forest", **SMALL_FOREST), lambda: walks(330, 12)[0], rename
    ),
    "forest-large-blocks": Case(
        IsolationForestDetector("forest", **SMALL_FOREST | {"block_rows": 100}),
        lambda: walks(900, 12)[0],
        rename,
    ),
    "autoencoder-vector": Case(
        AutoencoderDetector("net", features="vector", dimensions=4, **SMALL_NET),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "autoencoder-behaviour": Case(
        AutoencoderDetector("net", **SMALL_NET), lambda: walks(330, 12)[0], rename
    ),
    "half-space-trees-vector": Case(
        HalfSpaceTreesDetector("trees", features="vector", dimensions=4, **SMALL_TREES),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "half-space-trees-behaviour": Case(
        HalfSpaceTreesDetector("trees", **SMALL_TREES), lambda: walks(330, 12)[0], rename
    ),
    "mahalanobis": Case(
        MahalanobisDetector("far", features="vector", dimensions=4, **SMALL_WINDOW),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "tails": Case(
        TailsDetector("tails", features="vector", dimensions=4, **SMALL_WINDOW),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "extremes-vector": Case(
        ExtremesDetector("x", features="vector", dimensions=4, **SMALL_WINDOW),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "extremes-behaviour": Case(
        ExtremesDetector("x", **SMALL_WINDOW), lambda: walks(330, 12)[0], rename
    ),
    "ensemble-furthest": Case(
        EnsembleDetector(
            "any",
            (
                MahalanobisDetector("far", features="vector", dimensions=4, **SMALL_WINDOW),
                TailsDetector("tails", features="vector", dimensions=4, **SMALL_WINDOW),
            ),
            features="vector",
            dimensions=4,
            combine="furthest",
            **SMALL,
        ),
        lambda: vector_log(330, 4, keys=9)[0],
        rename,
    ),
    "values": Case(ValueDetector("values", **SMALL_VALUES), lambda: value_log(40, 9)[0], rename),
    "values-of-one-series": Case(
        ValueDetector("values", **SMALL_VALUES | {"keys": 1}), lambda: value_log(200, 1)[0], rename
    ),
    "recommender": Case(
        Recommender(
            "shop",
            items=30,
            users=8,
            sessions=20,
            baskets=10,
            hide_bought_events=20,
            block_rows=16,
        ),
        lambda: shopping(330, 10, 40, positions=True),
        rename,
    ),
    "recommender-with-rules": Case(
        Recommender(
            "shop",
            items=24,
            users=8,
            sessions=20,
            baskets=10,
            dimensions=8,
            block_rows=16,
            rules=Rules(
                pinned=("i3",),
                never_shown_categories=("c1",),
                boosted_categories={"c2": 2.0},
                most_of_category=2,
                diversity=0.3,
            ),
        ),
        lambda: described_shopping(240, 10, 40, 8),
        rename,
    ),
    "head": Case(
        Head("head", tuple(LABELS), 16, keep_records=40), lambda: head_log(100, LABELS, 16)
    ),
    "quality": Case(
        QualityWatch(
            "quality",
            tuple(LABELS),
            window_records=20,
            warm_records=5,
            models=1,
            keep_records=30,
            drift_chance=0.1,
            least_distance=0.05,
            block_rows=12,
        ),
        lambda: quality_log(60, LABELS),
    ),
    "clusters": Case(
        Clusters("groups", 8, window_records=60, refit_records=40, least_records=5, block_rows=16),
        lambda: cluster_log(170, 8),
    ),
    "frames": Case(
        FrameWindows("windows", frames=3, stride=2, keys=3, block_rows=4),
        lambda: frame_log(40),
    ),
    "conversations": Case(
        Conversations("chats", replies="replies", turns=3, turn_chars=8, keys=4, block_rows=4),
        lambda: chat_log(60),
    ),
    "dialogue": Case(
        Dialogue(
            "talk",
            {
                "track": Form("{order} to {city}", {"order": "Which?", "city": "Where?"}),
                "hours": Form("At nine."),
            },
            otherwise="What?",
            keys=3,
            pause_s=20.0,
            block_rows=8,
        ),
        lambda: dialogue_log(120),
    ),
    "bandit": Case(
        Bandit("slots", arms=tuple(LABELS), fields=("x", "y"), keep_records=20, block_rows=12),
        lambda: bandit_log(120, LABELS),
    ),
    "bandit-of-few": Case(
        Bandit("slots", arms=("a", "b"), policy="epsilon-greedy", explore=0.3, keep_records=8),
        lambda: bandit_log(60, LABELS),
    ),
    "gallery": Case(
        Gallery(
            "people",
            8,
            threshold=0.7,
            identities=4,
            embeddings=2,
            keep_records=20,
            keep_s=3,
            block_rows=8,
        ),
        lambda: gallery_log(120, 8),
    ),
    "abuse": Case(
        AbuseGuard(
            "guard",
            most_per_s=1.2,
            least_burst=2.0,
            burst_times=1.0,
            even_share=0.9,
            farm_users=2,
            farm_s=120.0,
            warm_records=20,
            forgive_s=20.0,
            users=8,
            items=20,
            sequences=30,
            block_rows=4,
        ),
        lambda: shopping(330, 10, 8, positions=True),
        rename,
    ),
    "trajectories": Case(
        TrajectoryDetector(
            "ways",
            fences=(
                Fence("world", ((-90, -180), (-90, 180), (90, 180), (90, -180))),
                Fence("north", centre=(90.0, 0.0), radius_m=8e6, on="leave"),
            ),
            stay_s=8.0,
            radius_m=12.0,
            cell_m=20.0,
            alarm_share=0.2,
            warm_records=10,
            rest_records=3,
            compared_records=100,
            users=4,
            cells=20,
            user_cells=4,
            places=4,
        ),
        lambda: walks(400, 5)[0],
        rename,
    ),
    "classifier-stacking": Case(
        OnlineClassifier("labels", labels=tuple(LABELS), **SMALL_ONLINE),
        lambda: number_log(64, LABELS),
    ),
    "classifier-voting": Case(
        OnlineClassifier("labels", labels=tuple(LABELS), **SMALL_ONLINE, **OTHERS),
        lambda: number_log(100, LABELS),
    ),
    "classifier-refitted": Case(
        OnlineClassifier(
            "labels",
            labels=tuple(LABELS),
            **SMALL_ONLINE,
            kind="voting",
            members=(
                "decision-tree",
                "perceptron",
                "random-forest",
                "regression",
                "support-vectors",
            ),
        ),
        lambda: number_log(64, LABELS),
    ),
    "classifier-of-what-changes": Case(
        OnlineClassifier(
            "labels",
            labels=tuple(LABELS),
            **SMALL_ONLINE | {"fit_records": 100, "refit_records": 40},
            kind="decision-tree",
        ),
        lambda: number_log(400, LABELS, until=200),
    ),
    "regressor-stacking": Case(
        OnlineRegressor("numbers", **SMALL_ONLINE),
        lambda: number_log(64, [*range(20)], key="value"),
    ),
    "regressor-voting": Case(
        OnlineRegressor("numbers", **SMALL_ONLINE, **OTHERS),
        lambda: number_log(64, [*range(20)], key="value"),
    ),
    "regressor-refitted": Case(
        OnlineRegressor(
            "numbers",
            **SMALL_ONLINE,
            kind="voting",
            members=("decision-tree", "random-forest", "regression", "support-vectors"),
        ),
        lambda: number_log(64, [*range(20)], key="value"),
    ),
}
