"""Behaviour in, alerts out: what is unusual is said once."""

from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Alert, Behaviour, Stream
from models.behaviour_anomaly import behaviour_anomaly
from topics.behaviour import alerts, behaviour


@app.agent(behaviour, to=alerts)
async def watch(stream: Stream[Behaviour]) -> AsyncIterator[Alert]:
    """Score every event, then learn it; alarms become alerts, the rest is quiet."""
    async for event, surprise in app.learn(behaviour_anomaly, stream):
        if surprise.is_alarm:
            yield Alert.of(event, surprise, detector=behaviour_anomaly.id)
