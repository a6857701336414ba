"""What a consumer group has committed, asked from outside it."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from aimass_stream.kafka.reader import Offsets, bootstrap_servers
from aimass_stream.kafka.survey import refused
from aimass_stream.kafka.topics import unreachable

REQUEST_TIMEOUT_MS = 10_000


async def read_committed(url: str, group: str) -> Offsets:
    """The offsets a group goes on from, of every partition it ever committed.

    Raises:
        BrokerError: the broker does not answer, or refuses.
    """
    client = {"bootstrap_servers": bootstrap_servers(url)}
    admin = AIOKafkaAdminClient(**client, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        found = await admin.list_consumer_group_offsets(group)
    except (KafkaConnectionError, TimeoutError) as error:
        raise unreachable(client) from error
    except KafkaError as error:
        raise refused(error) from error
    finally:
        await admin.close()
    return {(place.topic, place.partition): at.offset for place, at in found.items()}
