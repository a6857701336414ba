"""Members trained round by round: together they answer as the library's own object does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from sklearn import datasets
from sklearn.ensemble import AdaBoostClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from aimass_stream import transforms as t
from aimass_stream.ensembles.voter import Voter
from aimass_stream.errors import ConfigError
from aimass_stream.records import Record, Vote
from aimass_stream.registry.folder import resolve
from aimass_stream.training.boosting import boost

ROUNDS = 12


@pytest.mark.parametrize(("data", "depth"), [("load_digits", 4), ("load_breast_cancer", 1)])
def test_rounds_beat_the_best_member_and_answer_as_the_library(
    data: str, depth: int, tmp_path: Path
) -> None:
    rows, classes = getattr(datasets, data)(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    known, held_out = np.split(order, [len(rows) * 7 // 10])
    values = [orjson.dumps({"x": row.tolist()}) for row in rows]
    records = [Record("t", 0, int(at), 0, None, values[at], ()) for at in known]
    chain = t.Chain(t.Numbers("x", rows.shape[1]), t.StandardScale())
    weak = DecisionTreeClassifier(max_depth=depth, random_state=0)
    boosted = boost(
        tmp_path / "b", records, classes[known].tolist(), chain=chain, estimator=weak, rounds=ROUNDS
    )
    voter = Voter(resolve(boosted.publish("boosted", tmp_path), tmp_path), "cpu")
    ballots = [voter.decode(values[at]) for at in held_out]
    found = [one.label for one in voter.predict(ballots) if isinstance(one, Vote)]

    scaled = StandardScaler().fit(rows[known])
    library = AdaBoostClassifier(weak, n_estimators=ROUNDS, random_state=0)
    library.fit(scaled.transform(rows[known]), classes[known])
    due = library.predict(scaled.transform(rows[held_out])).astype(str)
    assert found == due.tolist()

    right = classes[held_out].astype(str)
    each: list[float] = []
    for place, member in enumerate(voter._members):
        answers: Any = member.ask([ballot[place] for ballot in ballots])
        each.append(float(np.mean([one.label for one in answers] == right)))
    assert len(each) == ROUNDS
    assert np.mean(found == right) > max(each) + 0.01


def test_what_makes_no_rounds_is_refused(tmp_path: Path) -> None:
    records = [
        Record("t", 0, at, 0, None, orjson.dumps({"x": [float(at)]}), ()) for at in range(40)
    ]
    labels = ["low" if at < 20 else "high" for at in range(40)]
    chain = t.Chain(t.Numbers("x", 1))
    told: dict[str, Any] = {"chain": chain, "estimator": DecisionTreeClassifier(max_depth=1)}
    with pytest.raises(ConfigError, match="left nothing to the second round"):
        boost(tmp_path, records, labels, **told)
    with pytest.raises(ConfigError, match="at least 2"):
        boost(tmp_path, records, labels, rounds=1, **told)
    with pytest.raises(ConfigError, match="cannot be fitted"):
        boost(tmp_path, records, labels, chain=chain, estimator=KNeighborsClassifier())
