"""A worker calls for the learner process at its start if its app has learners, and only then."""

from collections.abc import AsyncIterator

from aimass_stream import App, Record, Stream, Topic
from aimass_stream.runtime.feeds import forward
from tests.learning.learners import Fold, Folded

app = App("starts", origin="tests.learning.test_start", broker="kafka://127.0.0.1:9")
fold = Fold("fold")


@app.agent(Topic("starts.source", Record), to=Topic("starts.own", Folded))
async def learn(stream: Stream[Record]) -> AsyncIterator[Folded]:
    """Learn on the agent's own partitions, of which the app is not told."""
    async for _record, folded in app.learn(fold, stream):
        yield folded


def test_an_agent_whose_module_holds_a_learner_makes_its_app_learn() -> None:
    assert app.learns


def test_an_app_that_feeds_a_learner_learns() -> None:
    fed = App("feeds", origin="tests.learning.test_start", broker="kafka://127.0.0.1:9")
    assert not fed.learns
    fed.feed(fold, Topic("feeds.source", Record))
    assert fed.learns


def test_an_app_without_learners_does_not() -> None:
    copies = App("copies", origin="tests.learning.test_start", broker="kafka://127.0.0.1:9")
    copies.agent(Topic("copies.source", Record), to=Topic("copies.own", Record))(forward)
    assert not copies.learns
