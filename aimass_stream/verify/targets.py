"""Which of an application's models can be struck: those that are seen to be given what is sent.

Nothing an application declares says which model scores which topic; that stands in the bodies
of its agents. So every input is sent once while calls are noted, and a model that is given the
payloads of a topic is a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from aimass_stream import records
from aimass_stream.errors import RecordError
from aimass_stream.records import Example, Limits, Record
from aimass_stream.runtime.injection_plan import Call, digest_of, payload_digest, short_id
from aimass_stream.verify.application import Application


@dataclass(frozen=True, slots=True)
class Target:
    """A model and a source topic whose records it is given.

    Attributes:
        model: `name@version`.
        topic: the source topic.
        kind: the topic's record type; `Record` where it is the application's own.
        learns: whether it is a learner.
    """

    model: str
    topic: str
    kind: type[Record]
    learns: bool

    def digest(self, example: Example) -> str:
        """What the model process knows a record of the topic by."""
        if self.learns or self.kind is Record:
            return digest_of(example.value)
        record = self.kind(self.topic, 0, 0, 0, example.key, example.value, example.headers)
        with suppress(RecordError):
            return payload_digest(record, Limits())
        return digest_of(example.value)


def find_targets(app: Application, calls: Sequence[Call]) -> list[Target]:
    """The models that were given what was sent, in order of topic and name."""
    seen: dict[tuple[str, bool], set[str]] = {}
    for call in calls:
        seen.setdefault((call.model, call.learns), set()).update(call.rows)
    found = []
    for topic in app.sources:
        kind = getattr(records, app.kinds.get(topic, ""), Record)
        for (model, learns), rows in sorted(seen.items()):
            target = Target(model, topic, kind, learns)
            sent = {short_id(target.digest(example)) for example in app.inputs[topic]}
            # Not all: some may be refused before a model sees them.
            if 2 * len(sent & rows) > len(sent):
                found.append(target)
    return found


def one_a_topic(targets: Sequence[Target], *, learns: bool) -> list[Target]:
    """The first model, or learner, of each topic."""
    firsts = {t.topic: t for t in reversed(targets) if t.learns is learns}
    return [firsts[topic] for topic in sorted(firsts)]
