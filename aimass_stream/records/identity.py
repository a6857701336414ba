"""The headers that make an answer addressable, and the id that survives every retry.

A header value is UTF-8 text. `aimass-id` is a hash of what an answer *is* (its root, agent,
model and ordinal, and by which agents it came from the root) and of nothing about the attempt
that made it, so a repeat after a crash carries the same id and a reader can drop it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

SOURCE = "aimass-source"
"""`topic/partition/offset` of the record whose arrival caused this one."""
ROOT = "aimass-root"
"""`aimass-source` of the first record of a chain."""
MODEL = "aimass-model"
"""`name@version` of the model that answered; several are joined by `+`."""
STATE = "aimass-state"
"""Offset of its log up to which the learner that answered had learnt; where one did."""
ID = "aimass-id"
"""The same for every repeat of one answer."""
AGENT = "aimass-agent"
"""The agent a dead letter comes from."""
REASON = "aimass-reason"
"""The `Reason` of a dead letter."""
ERROR = "aimass-error"
"""One line for people on a dead letter."""
TRACE = "aimass-trace"
"""The traceback on a dead letter, where there is one."""
PAYLOAD = "aimass-payload"
"""`inline` when a dead letter's value is the payload, `claim` when it refers to it."""
TIME_MS = "aimass-time-ms"
"""When a dead letter was written, milliseconds since the epoch; its timestamp is the record's."""
OWN_PREFIX = "aimass-"
"""What every header of the engine begins with."""
INPUT_PREFIX = "aimass-input-"
"""What stands for `OWN_PREFIX` on a dead letter in the headers that its record came with."""

NO_MODEL = "-"
"""Stands for the model in an id and in headers where no model answered."""


RECORD = "record"
"""Stands for the agent in the id of a record that came without one."""
_WAY_CHARS = 64


def answer_id(root: str, agent: str, model: str, ordinal: int, record_id: str = "") -> str:
    """Return the id of the `ordinal`-th answer of `agent` to a record.

    The root's offset stands in clear behind a hash of the rest, which is the same for a whole
    partition and so costs nothing per record.

    Args:
        root: of the record.
        agent: who answers.
        model: `name@version`, or `NO_MODEL`.
        ordinal: of the answer.
        record_id: the record's own; two answers to one root may both be read by one agent, and
            what it says of each is not the same answer.
    """
    stem, _, offset = root.rpartition("/")
    return f"{id_stem(stem, agent, model, ordinal, _way_of(record_id, stem))}{offset}"


def input_id(source: str) -> str:
    """The id of a record that came without one, when the engine writes it again."""
    return answer_id(source, RECORD, NO_MODEL, 0)


def _way_of(record_id: str, root_stem: str) -> str:
    """What the ids of records that came the same way from a root share; empty for the root."""
    way = record_id.rpartition("-")[0][:_WAY_CHARS]
    return "" if f"{way}-" == id_stem(root_stem, RECORD, NO_MODEL, 0) else way


def part_author(agent: str) -> str:
    """Who stands in the ids of the parts of an agent's answers, in place of the agent.

    A part's ordinal is its number; with the agent's own name its id would be an answer's.
    """
    return f"{agent}/part"


@lru_cache(maxsize=4096)
def id_stem(stem: str, agent: str, model: str, ordinal: int, way: str = "") -> str:
    """What the ids of one agent's answers to one root partition (`topic/partition`) share."""
    text = "\0".join((stem, agent, model, str(ordinal), *([way] if way else [])))
    return f"{blake2b(text.encode(), digest_size=12).hexdigest()}-"


def header_text(headers: Sequence[tuple[str, bytes]], name: str) -> str:
    """What a record's headers say under a name; empty where they do not."""
    for known, value in headers:
        if known == name:
            return value.decode(errors="replace")
    return ""
