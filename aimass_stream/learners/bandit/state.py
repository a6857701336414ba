"""The state of a bandit: what arms earned, and choices whose reward may come yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aimass_stream.learner import Event, Snapshot
from aimass_stream.learners.arrays import under
from aimass_stream.learners.bandit.declaration import Bandit
from aimass_stream.learners.bandit.estimates import Lines, Rewards, Spreads
from aimass_stream.learners.bandit.events import Asked, BanditInput, read_event
from aimass_stream.learners.bandit.policy import Floats, draw, shares_of
from aimass_stream.learners.open_block import OpenBlock
from aimass_stream.learners.waiting import Waiting
from aimass_stream.records import Choice


class _Chosen(NamedTuple):
    """A choice that waits for its reward.

    Attributes:
        arm: its index.
        x: `(numbers,)` of its record, bounded.
    """

    arm: int
    x: Floats


class BanditState:
    """The `LearnerState` of `Bandit`. Memory: choices that wait, and `numbers²` for each arm."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._bandit = bandit = Bandit("bandit", **settings)
        self._spreads = Spreads(len(bandit.fields))
        middle = (bandit.lowest + bandit.highest) / 2
        self._rewards = Rewards(len(bandit.arms), len(bandit.fields), bandit.ridge, middle)
        self._waiting: Waiting[_Chosen] = Waiting(bandit.keep_records, bandit.keep_s)
        self._unmatched = 0
        self._unrewarded = 0
        self._lines: Lines | None = None
        self._open = OpenBlock(lambda: None, self._answer)

    @property
    def counts(self) -> Mapping[str, int]:
        """Rewards `learnt`, rewards `unmatched`, and choices that went `unrewarded`.

        Unmatched is a reward for a record that does not wait: it has one, was never asked for, or
        waited too long. Unrewarded are choices that others crowded out of memory.
        """
        return {
            "learnt": self._rewards.total,
            "unmatched": self._unmatched,
            "unrewarded": self._unrewarded,
        }

    def read(self, event: Event) -> BanditInput:
        """A record that asks, or a reward.

        Raises:
            RecordError: it is neither, or has numbers or a reward that cannot be.
        """
        return read_event(event, self._bandit)

    def score(self, inputs: Sequence[BanditInput]) -> list[Choice | None]:
        """Choose for records that ask; None for rewards. Rows do not depend on each other."""
        return [None if found is None else found[1] for found in self._open.answers(inputs)]

    def learn(self, inputs: Sequence[BanditInput]) -> None:
        """Remember what was chosen, and learn what earlier choices earned."""
        found = self._open.answers(inputs)
        self._open.close()
        for one, answer in zip(inputs, found, strict=True):
            if isinstance(one, Asked):
                if answer is not None:
                    self._spreads.add(answer[0].x)
                    gone = self._waiting.add(one.root, answer[0], one.time_ms)
                    self._unrewarded += gone is not None
            elif (chosen := self._waiting.take(one.root, one.time_ms)) is None:
                self._unmatched += 1
            else:
                self._rewards.learn(*chosen, one.reward)
        self._lines = None

    def snapshot(self) -> Snapshot:
        """Lay the state down."""
        waiting = self._waiting.items
        shape = (len(waiting), len(self._bandit.fields))
        arrays: dict[str, NDArray[np.generic]] = {
            "waiting": np.array([each.x for each in waiting], np.float64).reshape(shape),
            "arms": np.array([each.arm for each in waiting], np.int64),
            "times": self._waiting.times_ms,
            **{f"spreads.{name}": array for name, array in self._spreads.snapshot().items()},
            **{f"rewards.{name}": array for name, array in self._rewards.snapshot().items()},
        }
        data = {
            "roots": self._waiting.roots,
            "unmatched": self._unmatched,
            "unrewarded": self._unrewarded,
        }
        return Snapshot(arrays, data)

    def restore(self, snapshot: Snapshot) -> None:
        """Become a state that was laid down.

        Raises:
            ValueError: it is of other arms or numbers.
        """
        arrays, data = snapshot
        held, own = arrays["rewards.mean"].shape, (len(self._bandit.arms), len(self._bandit.fields))
        if held != own:
            raise ValueError(f"a bandit of arms and numbers {held}, not {own}")
        self._spreads.restore(under(arrays, "spreads."))
        self._rewards.restore(under(arrays, "rewards."))
        chosen = map(_Chosen, arrays["arms"].tolist(), arrays["waiting"].astype("f8"))
        self._waiting.restore(data["roots"], chosen, arrays["times"].tolist())
        self._unmatched, self._unrewarded = data["unmatched"], data["unrewarded"]
        self._lines = None
        self._open.close()

    def _answer(
        self, ahead: None, inputs: Sequence[BanditInput]
    ) -> list[tuple[_Chosen, Choice] | None]:
        del ahead
        return [self._choose(one) if isinstance(one, Asked) else None for one in inputs]

    def _choose(self, asked: Asked) -> tuple[_Chosen, Choice]:
        bandit = self._bandit
        if self._lines is None:
            self._lines = self._rewards.lines(self._spreads.units)
        x = self._spreads.bound(asked.numbers)
        scores = np.clip(self._lines.at(x), bandit.lowest, bandit.highest)
        shares = shares_of(bandit, scores, self._rewards.total)
        arm = draw(shares, bandit.seed, asked.root)
        by_arm = dict(zip(bandit.arms, scores.tolist(), strict=True))
        return _Chosen(arm, x), Choice(bandit.arms[arm], float(shares[arm]), by_arm)
