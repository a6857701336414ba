"""Where the broker is, and how the engine sets Faust up."""

from __future__ import annotations

from typing import Any

from aimass_stream.config import Settings
from aimass_stream.errors import BrokerError
from aimass_stream.kafka.embedded import find_broker

FAUST_SETTINGS: dict[str, Any] = {
    "broker_commit_interval": 1.0,
    "broker_session_timeout": 10.0,
    "broker_heartbeat_interval": 3.0,
    "broker_max_poll_records": 1024,
    "consumer_auto_offset_reset": "earliest",
    "producer_acks": -1,
    "producer_request_timeout": 60.0,
    "store": "memory://",
    "stream_wait_empty": True,
    "topic_disable_leader": True,
    "web_bind": "127.0.0.1",
    "web_tables_enabled": False,
    "web_router_enabled": False,
    "worker_redirect_stdouts": False,
}
"""Faust's defaults that lose time, memory or privacy, set otherwise."""


def broker_url(conf: Settings) -> str:
    """The broker to use: the one configured, else the embedded one if it runs.

    Raises:
        BrokerError: neither.
    """
    if conf.broker:
        return conf.broker
    found = find_broker(conf.state)
    if found is None:
        raise BrokerError(
            f"No broker: AIMASS_BROKER is not set and none runs under {conf.state}. "
            "Start one: aimass kafka start"
        )
    return found.url


def replication(conf: Settings) -> int:
    """Replicas of a created topic: 1 on the embedded broker, 3 elsewhere, unless configured."""
    return conf.replication or (3 if conf.broker else 1)
