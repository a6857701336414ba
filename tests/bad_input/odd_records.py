"""Records that a well-behaved client does not write: sent byte by byte, as others may send them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

_CRC_AT = struct.calcsize(">qiib")
_CHECKED_FROM = struct.calcsize(">qiibI")


async def send_renamed(
    producer: AIOKafkaProducer, topic: str, value: bytes, name: bytes, key: bytes
) -> int:
    """Send a record with a header whose name is these bytes, UTF-8 or not; its offset."""
    placeholder = "x" * len(name)
    batch = producer.create_batch()
    batch.append(key=key, value=value, timestamp=None, headers=[(placeholder, b"1")])
    whole = bytearray(batch._build())
    at = whole.rindex(placeholder.encode())
    whole[at : at + len(name)] = name
    struct.pack_into(">I", whole, _CRC_AT, calc_crc32c(bytes(whole[_CHECKED_FROM:])))
    batch._buffer = bytes(whole)
    sent = await producer.send_batch(batch, topic, partition=0)
    return int((await sent).offset)


async def send_compressed(url: str, topic: str, codec: str, values: Sequence[bytes]) -> None:
    """Send values in one compressed batch."""
    producer = AIOKafkaProducer(bootstrap_servers=[url], compression_type=codec, linger_ms=200)
    async with producer:
        sent = [await producer.send(topic, value, key=codec.encode()) for value in values]
        for each in sent:
            await each
