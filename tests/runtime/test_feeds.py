"""What a feed writes to a learner's log."""

from aimass_stream.learner import Event
from aimass_stream.learners.quality.events import Reader, Said, Told
from aimass_stream.records import Chunk, Headers
from aimass_stream.records.identity import MODEL, NO_MODEL
from aimass_stream.runtime.feeds import forward_with_models
from aimass_stream.runtime.handover import Work
from tests.runtime.test_body import Engine

LABELS = ("refund", "other")


async def test_an_answer_is_forwarded_with_the_model_that_gave_it() -> None:
    rows: list[tuple[bytes, Headers]] = [
        (b'{"label":"other","score":0.7}', [("x", b"y"), (MODEL, b"head@3")]),
        (b'{"record":"t/0/0","label":"refund"}', []),
        (b'{"record":"t/0/0","label":"refund"}', [(MODEL, NO_MODEL.encode())]),
        (b"no JSON", [(MODEL, b"head@3")]),
    ]
    engine, count = Engine(), len(rows)
    values, headers = [value for value, _ in rows], [each for _, each in rows]
    chunk = Chunk("t", 0, list(range(count)), [0] * count, [None] * count, values, headers)
    engine.stream.put(Work(chunk, 0))
    engine.accepted = count
    fates = await engine.run(forward_with_models)
    written = [fates[row][1][0] for row in range(count)]
    assert written[1:3] == values[1:3]
    assert written[3] == b'{"model":"head@3","answer":no JSON}'
    read = [
        Reader(LABELS, part="").read(Event(at, "t", 5, "t/0/0", None, value))
        for at, value in enumerate(written[:2])
    ]
    assert read == [Said("t/0/0", "head@3", {1: 0.7}, 5), Told("t/0/0", 0, 5)]
