"""How various answers are by rules, and what that costs in hits.

Answers are as various as their items have different users: one less the mean cosine of any two
items of an answer over all users of the whole log, which the recommender has only seen a part of.
Items of which nobody else is known count as wholly different.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aimass_stream.learners.recommendation import Recommender, Rules
from aimass_stream.learners.recommendation.state import RecommenderState
from benchmarks.learning.recommend.events import Liked, read_liked
from benchmarks.learning.recommend.protocols import Measures, ask_and_tell
from benchmarks.learning.recommend.tally import Clock

_DIVERSITIES = (0.0, 0.2, 0.6)
_LOOKED_AT = 10


class Variety:
    """Of answers: how different their items are, how many there are in all, and repeats.

    Args:
        liked: the whole log.
    """

    def __init__(self, liked: Sequence[Liked]) -> None:
        items = {item: row for row, item in enumerate(dict.fromkeys(one.item for one in liked))}
        users = {user: row for row, user in enumerate(dict.fromkeys(one.user for one in liked))}
        pairs = {(items[one.item], users[one.user]) for one in liked}
        rows, columns = np.array(sorted(pairs)).T
        held = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(items), len(users)))
        self._rows = items
        self._users = csr_array(held / np.sqrt(held.sum(axis=1))[:, None])
        self._had: dict[str, set[str]] = {}
        self._shown: set[str] = set()
        self._different: list[float] = []
        self.repeats = 0

    def watch(self, event: Liked, shown: Sequence[str]) -> None:
        """Look at an answer, and then at what its user had."""
        had = self._had.setdefault(event.user, set())
        self.repeats += len(had.intersection(shown))
        had.add(event.item)
        self._shown.update(shown)
        # A tenth of the answers is enough for a mean.
        if len(shown) > 1 and event.time_s % _LOOKED_AT == 0:
            users = self._users[[self._rows[item] for item in shown]]
            cosines = (users @ users.T).toarray()
            others = len(shown) * (len(shown) - 1)
            self._different.append(1 - (float(cosines.sum()) - len(shown)) / others)

    @property
    def measures(self) -> Measures:
        """Mean difference within an answer, items shown in all, and items shown to who had them."""
        return {
            "difference": float(np.mean(self._different)),
            "items_shown": len(self._shown),
            "repeats": self.repeats,
        }


def rules(folder: Path, part: float) -> Measures:
    """The feed at several values of `Rules.diversity`."""
    liked = read_liked(folder, part)
    found = {}
    for diversity in _DIVERSITIES:
        declared = Recommender("feed", rules=Rules(diversity=diversity))
        state, variety, clock = RecommenderState(declared.settings), Variety(liked), Clock()
        tally = ask_and_tell(liked, [state], clock=clock, watch=variety.watch)
        hr10, mrr10 = tally.shares
        found[str(diversity)] = {
            "hr10": hr10,
            "mrr10": mrr10,
            **variety.measures,
            "records_per_s": clock.records_per_s,
        }
        print(f"rules, diversity {diversity}: {found[str(diversity)]}", flush=True)
    return {"rules_diversity": found}
