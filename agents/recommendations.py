"""Behaviour in, recommendations out; the latest of each user is kept in a feed."""

from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Recommendation, Record, Stream, Topic
from models.recommender import recommender
from topics.behaviour import behaviour, feeds, recommendations

app.feed(recommender, behaviour)


@app.agent(app.log_of(recommender), to=recommendations)
async def recommend(stream: Stream[Record]) -> AsyncIterator[Recommendation]:
    """Rank after every action, with all that was learnt before it; positions are quiet."""
    async for _event, recommendation in app.learn(recommender, stream):
        yield recommendation


@app.agent(Topic(recommendations.name, Record), to=feeds)
async def keep(stream: Stream[Record]) -> AsyncIterator[bytes]:
    """Keep the latest list of each user, under the user's key."""
    async for recommendation in stream:
        yield recommendation.bytes
