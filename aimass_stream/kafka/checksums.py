"""The checksum of record batches, CRC-32C, by the processor's own instruction.

The client sums in portable C, over every batch that it reads or writes; processors have an
instruction for it, which is many times as quick.
"""

from __future__ import annotations

import struct

import google_crc32c
from aiokafka.record import default_records

_CRC_AT = 17
_SUMMED_FROM = 21


def crc32c(data: bytes | bytearray | memoryview) -> int:
    """The checksum of these bytes."""
    return int(google_crc32c.value(bytes(data)))


def is_intact(batch: memoryview) -> bool:
    """Whether a record batch of message format 2 has the checksum that it names."""
    named: int = struct.unpack_from(">I", batch, _CRC_AT)[0]
    return crc32c(batch[_SUMMED_FROM:]) == named


def sum_by_instruction() -> None:
    """Have batches that are written by column summed so.

    Their builder (`column_batch.py`) takes the function from its module, and has no other door.
    """
    default_records.calc_crc32c = crc32c
