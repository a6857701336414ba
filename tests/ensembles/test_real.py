"""Together better than the best alone, on two real sets; alone as in a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from aimass_stream.ensembles.ensemble import Ensemble
from aimass_stream.ensembles.voter import Voter
from aimass_stream.records import Vote
from aimass_stream.registry.folder import resolve
from aimass_stream.testing.alike import alike
from tests.ensembles.real import Data, declare, digits, measure, segments, train

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("draw", [digits, segments])
def test_together_members_are_better_than_the_best_of_them(
    draw: Callable[[], Data], tmp_path: Path
) -> None:
    found = measure(draw(), tmp_path)
    best = max(found.members)
    assert best < 0.95, "members that are always right cannot be bettered"
    for way in ("average", "majority", "boosting weights", "stacking", "cascade"):
        assert found.accuracy[way] > best + 0.01, (way, found)
    # The cascade is as good for less: most records cost one member, not five.
    assert 0.1 < found.asked < 0.6


def test_a_record_alone_and_in_a_batch_gets_the_same_answer(tmp_path: Path) -> None:
    data = digits()
    members = [train(data, seed, tmp_path / f"member-{seed}") for seed in range(3)]
    files = data.test.files[:40]
    for way, model in declare(data, members, tmp_path / "registry").items():
        voter = Voter(resolve(model, tmp_path / "registry"), "cpu")
        inputs = [voter.decode(file) for file in files]
        together = voter.predict(inputs)
        backwards = voter.predict(inputs[::-1])[::-1]
        for row, one in enumerate(inputs):
            (alone,) = voter.predict([one])
            assert isinstance(alone, Vote)
            for other in (together[row], backwards[row]):
                assert isinstance(other, Vote)
                assert alike(alone, other, 1e-4), (way, row, alone, other)


def test_members_that_prepare_alike_share_one_input(tmp_path: Path) -> None:
    data = digits()
    members = [train(data, seed, tmp_path / f"member-{seed}") for seed in range(2)]
    voter = Voter(resolve(Ensemble("e", members), tmp_path), "cpu")
    first, second = voter.decode(data.test.files[0])
    assert first is second
