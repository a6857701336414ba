"""Dead letters brought back: the records as they were, and written to their topics again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from aimass_stream.errors import Reason, RecordError
from aimass_stream.kafka.letters import Letter, headers_again
from aimass_stream.kafka.outgoing import MAX_BATCH_BYTES
from aimass_stream.kafka.sender import Sender
from aimass_stream.records import Audio, Claim, Image, Limits, Record, identity
from aimass_stream.records.envelope import write_claim
from aimass_stream.records.json_object import CONTENT_TYPE

FetchPayload = Callable[[Claim, Limits], bytes]


@dataclass(frozen=True, slots=True)
class Revived:
    """A dead letter with its record's value as it was on the source topic.

    Attributes:
        record: the dead letter itself, with the record's key.
        value: the record's value.
        claim: where the value lies, when it was too large for a dead letter.
    """

    letter: Letter
    record: Record
    value: bytes
    claim: Claim | None = None


def revive(letter: Letter, record: Record, fetch: FetchPayload) -> Revived:
    """Bring a dead letter back; blocks while a payload is fetched.

    Args:
        letter: what it says.
        record: the dead letter.
        fetch: reads from the payload store.

    Raises:
        RecordError: the payload cannot be had: refused, missing, or damaged.
    """
    value = record.value or b""
    if record.header(identity.PAYLOAD) != "claim":
        return Revived(letter, record, value)
    try:
        claim = msgspec.json.decode(value, type=Claim)
    except msgspec.MsgspecError as error:
        raise RecordError(Reason.BAD_ENVELOPE, "the dead letter holds no claim") from error
    # The engine wrote this claim of a value that a broker had taken.
    return Revived(letter, record, fetch(claim, Limits(payload_bytes=claim.size)), claim)


async def resend(sender: Sender, revived: Sequence[Revived]) -> list[str]:
    """Write records to their topics again: partition, key, time and headers as they were.

    Returns:
        Where each lies now, `topic/partition/offset`.

    Raises:
        RecordError: a record is too large for a message, and no claim can stand for it.
        KafkaError: the broker refuses one.
    """
    sending = []
    for each in revived:
        letter = each.letter
        value, headers = _again(each)
        sent = await sender.send(
            letter.topic,
            value,
            key=each.record.key,
            headers=headers,
            timestamp_ms=letter.timestamp_ms,
            partition=letter.partition,
        )
        sending.append(sent)
    if sending:
        await asyncio.wait(sending)
    if sender.error is not None:
        raise sender.error
    return [
        f"{each.letter.topic}/{partition}/{offset}"
        for each, (partition, offset) in zip(
            revived, [sent.result() for sent in sending], strict=True
        )
    ]


def check_size(revived: Revived) -> None:
    """See that a record can be written again.

    Raises:
        RecordError: TOO_LARGE; it fits into no message, and no claim can stand for it.
    """
    _again(revived)


def _again(revived: Revived) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers; the claim where the value is too large for a message."""
    headers = headers_again(revived.record)
    if len(revived.value) <= MAX_BATCH_BYTES:
        return revived.value, headers
    kind = Image.sniff(revived.value) or Audio.sniff(revived.value)
    if revived.claim is None or kind is None:
        raise RecordError(
            Reason.TOO_LARGE,
            f"{len(revived.value)} bytes fit into no message, and no claim can stand for them",
        )
    value = write_claim(msgspec.structs.replace(revived.claim, type=kind), {})
    others = [(name, held) for name, held in headers if name not in CONTENT_TYPE]
    return value, [("content-type", b"application/json"), *others]
