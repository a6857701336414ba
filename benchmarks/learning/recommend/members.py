"""What each member adds: the protocols again, without it."""

from __future__ import annotations

from pathlib import Path

from aimass_stream.learners.recommendation import Recommender
from aimass_stream.learners.recommendation.recommender import MEMBERS
from aimass_stream.learners.recommendation.state import RecommenderState
from benchmarks.learning.recommend.events import read_liked, read_lines
from benchmarks.learning.recommend.protocols import Measures, ask_and_tell, learn_sessions
from benchmarks.learning.recommend.tally import Clock, Tally

_WALKS = ("sessions", "baskets")
_SESSIONS_PART = 0.02
_PREFIXES = 5_000


def feed_members(folder: Path, part: float) -> Measures:
    """Hit rate and reciprocal rank among 10 in the feed, without each member, and without walks."""
    liked = read_liked(folder, part)
    found = {}
    for name, members in _without().items():
        state = RecommenderState(Recommender("feed", members=members).settings)
        tally = ask_and_tell(liked, [state], clock=Clock())
        found[name] = dict(zip(("hr10", "mrr10"), tally.shares, strict=True))
        print(f"feed, {name}: HR@10 / MRR@10 {tally}, {len(liked):,} events", flush=True)
    return {"feed_members": found}


def session_members(folder: Path, part: float) -> Measures:
    """The same in sessions among 20, behind the latest fiftieth of the training sessions."""
    tests = list(read_lines(folder, "*test.jsonl"))
    tests = tests[:: max(1, round(len(tests) / (_PREFIXES * part)))]
    found = {}
    for name, members in _without().items():
        declared = Recommender("sessions", top=20, members=members)
        state, tally = RecommenderState(declared.settings), Tally()
        learn_sessions(state, folder, _SESSIONS_PART, clock=Clock())
        for test in tests:
            shown = state.recommend_to([str(item) for item in test["seen"]])
            tally.add([item.item for item in shown.items], str(test["next"]))
        found[name] = dict(zip(("p20", "mrr20"), tally.shares, strict=True))
        print(f"sessions, {name}: P@20 / MRR@20 {tally}, {len(tests):,} prefixes", flush=True)
    return {"session_members": found}


def _without() -> dict[str, tuple[str, ...]]:
    """Who votes, by what is left out; nobody knows anything of contents here."""
    voters = [member for member in MEMBERS if member != "content"]
    kept = {"all": (), **{f"without {voter}": (voter,) for voter in voters}}
    kept["without walks"] = _WALKS
    return {
        name: tuple(voter for voter in voters if voter not in out) for name, out in kept.items()
    }
