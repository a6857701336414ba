"""`aimass models propose`: from proposals on a topic to candidates in the registry."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from aimass_stream.cli.terminal import say, use_broker
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import load_settings
from aimass_stream.errors import ConfigError
from aimass_stream.kafka.reader import TopicReader
from aimass_stream.records import Proposal
from aimass_stream.registry.candidates import lay_down


def run_propose(topic: str, registry: Path | None) -> None:
    """Lay down the latest proposal for each model, and print what it is called.

    Raises:
        BrokerError: the broker cannot be reached.
        ConfigError: there is no proposal on the topic.
        SetupError: the files of one are not there, or not what it says.
    """
    conf = load_settings(models=registry)
    with use_broker(conf, is_brief=True) as url:
        latest = asyncio.run(_read_latest(url, topic))
    if not latest:
        raise ConfigError(f"There is no proposal on {topic}. Answers of a Proposer lie there.")
    ours = conf.payloads_folder.resolve().as_uri()
    store = PayloadStore(conf.payloads_folder, (ours, *conf.claim_prefixes))
    for proposal in latest.values():
        made = lay_down(conf.models_folder, proposal, store)
        what = "a candidate" if made.is_candidate else "in force already"
        say(f"{made.id} is {what}: {proposal.rows} records, {proposal.columns} columns")
        sys.stdout.write(made.id + "\n")


async def _read_latest(url: str, topic: str) -> dict[str, Proposal]:
    """The latest proposal for each model; what is none is passed over."""
    latest: dict[str, tuple[int, Proposal]] = {}
    async with TopicReader(url, [topic]) as reader:
        ends = await reader.end_offsets()
        while await reader.remains(ends):
            for chunk in await reader.poll():
                for value, time_ms in zip(chunk.values, chunk.timestamps_ms, strict=True):
                    found = _proposal(value)
                    if found is not None and time_ms >= latest.get(found.model, (0, found))[0]:
                        latest[found.model] = time_ms, found
    return {model: proposal for model, (_, proposal) in latest.items()}


def _proposal(value: bytes | None) -> Proposal | None:
    try:
        return msgspec.json.decode(value or b"", type=Proposal)
    except msgspec.MsgspecError:
        return None
