"""Batches of records with header names that are not UTF-8: every record is read, once, in order."""

from __future__ import annotations

import struct

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from aimass_stream.kafka.record_batches import LenientRecords

RECORDS = 7
CRC_AT, CHECKED_FROM = 17, 21


def batch(odd: int) -> bytes:
    """A batch in which the header of one record is not named in UTF-8."""
    builder = DefaultRecordBatchBuilder(
        2,
        0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=100_000,
    )
    for number in range(RECORDS):
        name = "odd!" if number == odd else "even"
        value = b"value %d" % number
        builder.append(number, timestamp=5, key=None, value=value, headers=[(name, None)])
    whole = bytearray(builder.build().replace(b"odd!", b"a\xff\xe9b"))
    struct.pack_into(">I", whole, CRC_AT, calc_crc32c(bytes(whole[CHECKED_FROM:])))
    return bytes(whole)


@pytest.mark.parametrize("odd", [0, 3, RECORDS - 1])
def test_every_record_is_read_once_and_in_order(odd: int) -> None:
    with pytest.raises(UnicodeDecodeError):
        list(MemoryRecords(batch(odd)).next_batch() or ())
    records = LenientRecords(batch(odd) + batch(odd))
    for _ in range(2):
        assert records.has_next()
        each = records.next_batch()
        assert each.validate_crc()
        found = list(each)
        assert [record.offset for record in found] == list(range(RECORDS))
        assert [record.value for record in found] == [b"value %d" % n for n in range(RECORDS)]
        names = [record.headers[0][0] for record in found]
        assert names == ["even"] * odd + [r"a\xff\xe9b"] + ["even"] * (RECORDS - odd - 1)
    assert not records.has_next()
    assert records.next_batch() is None
