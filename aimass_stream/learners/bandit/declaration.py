"""The declaration of a bandit; importing it imports no library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal, get_args

from aimass_stream.learner import Learner
from aimass_stream.learners.declared import (
    require,
    require_above_zero,
    require_at_least,
    settings_of,
)
from aimass_stream.records import Choice

Policy = Literal["inverse-gap", "epsilon-greedy"]
"""How an arm is drawn, by the rewards that are expected."""

POLICIES: tuple[Policy, ...] = get_args(Policy)

_SEEDS = 2**64
_LEAST_RIDGE = 1e-3


@dataclass(frozen=True)
class Bandit(Learner[Choice]):
    """Draws one of several arms for each record, and learns from what the choice earned.

    ```python
    slots = Bandit("slots", arms=("sport", "news", "music"), fields=("hour", "age"))
    ```

    `{"hour": 9, "age": 41}` asks, and is answered with a `Choice`; `{"record": "pages/0/17",
    "reward": 1}` says what the choice for that record earned, and is answered with None. A reward
    may come within `keep_s`. One for a record that does not wait (any more) is counted and changes
    nothing, and so does a second one. A choice without a reward teaches nothing: where no click
    is to count as 0, say 0.

    The reward expected of an arm is a ridge regression on the record's numbers, for each arm by
    itself. `inverse-gap` draws the others the more rarely the worse they look beside the best, and
    the more rewards are known (SquareCB; Foster and Rakhlin 2020, after Abe and Long 1999);
    `epsilon-greedy` draws the best. Of either, the share `explore` is drawn uniformly instead. So
    the probability of each arm is known exactly, never below `explore / len(arms)`, and stands in
    the answer.

    The draw is a function of `seed` and the record. Bandits that answer the same records want
    different seeds.

    Attributes:
        arms: what is chosen from, at least two.
        fields: names of the numbers in a record; none, and the arms are weighed alike for all.
        policy: how an arm is drawn.
        explore: share of choices that are drawn uniformly, whatever is known; above 0, at most 1.
        sharpness: how fast `inverse-gap` settles: an arm that is worse by `gap`, a share of the
            range of rewards, has the probability `1 / (arms + sharpness * sqrt(rewards) * gap)`.
        lowest: reward there can be.
        highest: reward there can be; others than these are dead-lettered.
        ridge: rewards' worth of resistance to believing in differences.
        keep_records: choices that wait for a reward; the oldest go first.
        keep_s: seconds of event time that a choice waits.
        seed: of the draws.

    Raises:
        ConfigError: a value makes no sense.
    """

    adapter: ClassVar[str] = "aimass_stream.learners.bandit.state:BanditState"

    name: str
    _: KW_ONLY
    arms: tuple[str, ...]
    fields: tuple[str, ...] = ()
    policy: Policy = "inverse-gap"
    explore: float = 0.05
    sharpness: float = 10.0
    lowest: float = 0.0
    highest: float = 1.0
    ridge: float = 1.0
    keep_records: int = 10_000
    keep_s: float = 86_400.0
    seed: int = 0
    block_rows: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        named = len(set(self.arms)) == len(self.arms) >= 2 and all(self.arms)
        require(self, holds=named, otherwise="arms must be at least two names, each once")
        own = {"record", "reward"}
        once = len(set(self.fields)) == len(self.fields) and not own & set(self.fields)
        otherwise = 'fields must differ from each other, from "record" and from "reward"'
        require(self, holds=once, otherwise=otherwise)
        known = self.policy in POLICIES
        require(self, holds=known, otherwise=f"policy must be one of {', '.join(POLICIES)}")
        require(self, holds=0 < self.explore <= 1, otherwise="explore must be above 0, at most 1")
        ordered = -1e9 <= self.lowest < self.highest <= 1e9
        require(self, holds=ordered, otherwise="lowest must be below highest, both within 1e9")
        require_above_zero(self, "sharpness", "ridge", "keep_s")
        require(
            self,
            holds=self.ridge >= _LEAST_RIDGE,
            otherwise=f"ridge must be {_LEAST_RIDGE} or more",
        )
        require_at_least(self, keep_records=1, seed=0)
        require(self, holds=self.seed < _SEEDS, otherwise="seed must be below 2**64")

    @property
    def answer_type(self) -> type[Choice]:
        """An arm with the probability of its draw."""
        return Choice

    @property
    def settings(self) -> Mapping[str, Any]:
        """Its fields beside the contract's."""
        return settings_of(self)
