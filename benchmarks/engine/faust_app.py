"""What both Faust programs share: the app and its topics."""

from __future__ import annotations

from typing import Any

import faust

from benchmarks.engine.workload import PARTITIONS
from benchmarks.place import Place


def make_app() -> tuple[faust.App, Any, Any]:
    """The app, the topic it reads and the one it writes."""
    place = Place.from_env()
    app = faust.App(
        place.group,
        broker=f"kafka://{place.server}",
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_linger_ms=5,
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        datadir=str(place.state),
        web_enabled=False,
    )
    return app, _raw(app, place.source), _raw(app, place.answers)


def _raw(app: faust.App, name: str) -> Any:
    return app.topic(
        name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )
