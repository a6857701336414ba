"""Behaviour in, alerts out: what is unusual is said once."""

from collections.abc import AsyncIterator

from agents.app import app
from aimass_stream import Alert, Behaviour, Stream
from models.behaviour_anomaly import behaviour_anomaly
from models.behaviour_extremes import behaviour_extremes
from topics.behaviour import alerts, behaviour


@app.agent(behaviour, to=alerts)
async def watch(stream: Stream[Behaviour]) -> AsyncIterator[Alert]:
    """Score every event, then learn it; alarms become alerts, the rest is quiet."""
    async for event, odd, extreme in app.learn(behaviour_anomaly, behaviour_extremes, stream):
        if extreme.is_alarm:
            yield Alert.of(event, extreme, detector=behaviour_extremes.id)
        elif odd.is_alarm:
            yield Alert.of(event, odd, detector=behaviour_anomaly.id)
