"""The headers that make an answer addressable, and the id that survives every retry.

A header value is UTF-8 text. `aimass-id` is a hash of what an answer *is* (its root, agent,
model and ordinal) and of nothing about the attempt that made it, so a repeat after a crash
carries the same id and a reader can drop it.
"""

from __future__ import annotations

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


def answer_id(root: str, agent: str, model: str, ordinal: int) -> str:
    """Return the id of the `ordinal`-th answer of `agent` to the record `root`.

    The root's offset stands in clear behind a hash of the rest, which is the same for a whole
    partition and so costs nothing per record.
    """
    stem, _, offset = root.rpartition("/")
    return f"{id_stem(stem, agent, model, ordinal)}{offset}"


def part_author(agent: str) -> str:
    """Who stands in the ids of the parts of an agent's answers, in place of the agent.

    A part's ordinal is its number; with the agent's own name its id would be an answer's.
    """
    return f"{agent}/part"


@lru_cache(maxsize=4096)
def id_stem(stem: str, agent: str, model: str, ordinal: int) -> str:
    """What the ids of one agent's answers to one root partition (`topic/partition`) share."""
    text = "\0".join((stem, agent, model, str(ordinal)))
    return f"{blake2b(text.encode(), digest_size=12).hexdigest()}-"
