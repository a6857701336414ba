"""Question records: what is accepted, what is refused and why, and that nothing else happens."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Limits, Question
from aimass_stream.records.question import encode_question


def question(value: bytes | None, headers: Any = ()) -> Question:
    return Question("questions", 0, 7, 0, b"k", value, headers)


def test_both_texts_and_metadata_are_there() -> None:
    value = encode_question("Who?", "我 and Ünal 🙂", {"page": 3})
    record = question(value, [("meta-user", b"u1"), ("content-type", b"application/json")])
    record.check(Limits())
    assert (record.question, record.context) == ("Who?", "我 and Ünal 🙂")
    assert record.metadata == {"user": "u1", "page": 3}
    assert orjson.loads(record.bytes) == {"question": "Who?", "context": "我 and Ünal 🙂"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.EMPTY),
        (b"", Reason.EMPTY),
        (b'{"question": " ", "context": "x"}', Reason.EMPTY),
        (b'{"question": "x", "context": "\\n"}', Reason.EMPTY),
        (b"Who?", Reason.BAD_ENVELOPE),
        (b'["Who?"]', Reason.BAD_ENVELOPE),
        (b'{"question": "x"}', Reason.BAD_ENVELOPE),
        (b'{"question": 1, "context": "x"}', Reason.BAD_ENVELOPE),
        (encode_question("x", "y" * 99_000), Reason.TOO_LARGE),
    ],
)
def test_anything_else_is_refused(value: bytes | None, reason: Reason) -> None:
    with pytest.raises(RecordError) as caught:
        question(value).check(Limits())
    assert caught.value.reason is reason


def test_another_declared_type_is_refused() -> None:
    with pytest.raises(RecordError) as caught:
        question(encode_question("x", "y"), [("content-type", b"image/png")]).check(Limits())
    assert caught.value.reason is Reason.TYPE_MISMATCH


@given(st.binary(max_size=200) | st.dictionaries(st.text(), st.text()).map(orjson.dumps))
def test_any_bytes_are_accepted_or_refused_with_a_reason(value: bytes) -> None:
    record = question(value)
    try:
        record.check(Limits())
    except RecordError:
        return
    assert record.question.strip()
    assert record.context.strip()


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="visible"):
        encode_question("", "x")
    with pytest.raises(ValueError, match="names"):
        encode_question("x", "y", {"context": "z"})
