"""Feedback: a record and a label, everything else refused with one stable reason."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Feedback, FeedbackRecord, Limits, read_feedback
from aimass_stream.records.feedback import encode_feedback


def record(value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> FeedbackRecord:
    return FeedbackRecord("feedback", 0, 7, 0, None, value, headers)


def said(**fields: object) -> bytes:
    return orjson.dumps({"record": "texts/0/17", "label": "refund", **fields})


@pytest.mark.parametrize("where", ["texts/0/17", "a.b_c-D/2147483647/9223372036854775807"])
def test_feedback_gives_back_what_was_encoded(where: str) -> None:
    found = record(encode_feedback(where, "Köln, 退款"))
    found.check(Limits())
    assert found.feedback == Feedback(where, "Köln, 退款")
    assert (found.record, found.label) == (where, "Köln, 退款")


def test_other_fields_are_passed_over() -> None:
    found = record(said(by="ann", at=[1, 2]), (("content-type", b"application/json"),))
    found.check(Limits())
    assert found.label == "refund"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, Reason.EMPTY, id="tombstone"),
        pytest.param(b"", Reason.EMPTY, id="no bytes"),
        pytest.param(said(by="n" * 20_000), Reason.TOO_LARGE, id="too large"),
        pytest.param(b"refund", Reason.BAD_ENVELOPE, id="text"),
        pytest.param(b"{}", Reason.BAD_ENVELOPE, id="empty object"),
        pytest.param(said(record=None), Reason.BAD_ENVELOPE, id="no record"),
        pytest.param(said(record=17), Reason.BAD_ENVELOPE, id="record is a number"),
        pytest.param(said(record="texts/0"), Reason.BAD_ENVELOPE, id="no offset"),
        pytest.param(said(record="texts/0/-1"), Reason.BAD_ENVELOPE, id="negative offset"),
        pytest.param(said(record="texts/0/17/2"), Reason.BAD_ENVELOPE, id="four parts"),
        pytest.param(said(record="te xts/0/17"), Reason.BAD_ENVELOPE, id="no topic's name"),
        pytest.param(said(record="/0/17"), Reason.BAD_ENVELOPE, id="no topic"),
        pytest.param(said(record="texts/0/17\n"), Reason.BAD_ENVELOPE, id="line break"),
        pytest.param(said(record="texts/0/\u0661"), Reason.BAD_ENVELOPE, id="other digits"),
        pytest.param(said(record=f"{'t' * 250}/0/17"), Reason.BAD_ENVELOPE, id="long topic"),
        pytest.param(said(label=None), Reason.BAD_ENVELOPE, id="no label"),
        pytest.param(said(label=7), Reason.BAD_ENVELOPE, id="label is a number"),
        pytest.param(said(label=""), Reason.BAD_ENVELOPE, id="label is empty"),
        pytest.param(said(label=" \t"), Reason.BAD_ENVELOPE, id="label is blank"),
        pytest.param(said(label="l" * 201), Reason.BAD_ENVELOPE, id="label is long"),
    ],
)
def test_value_that_is_no_feedback_is_refused(value: bytes | None, reason: Reason) -> None:
    with pytest.raises(RecordError) as caught:
        record(value).check(Limits())
    assert caught.value.reason is reason


def test_a_header_that_declares_something_else_is_a_mismatch() -> None:
    with pytest.raises(RecordError) as caught:
        record(said(), (("content-type", b"image/png"),)).check(Limits())
    assert caught.value.reason is Reason.TYPE_MISMATCH


@pytest.mark.parametrize(
    ("where", "label"), [("texts", "a"), ("texts/0/1", ""), ("t/0/1", "\ud800")]
)
def test_encoding_refuses_what_would_be_refused_on_the_topic(where: str, label: str) -> None:
    with pytest.raises(ValueError, match="the feedback"):
        encode_feedback(where, label)


@given(st.binary(max_size=200) | st.binary(max_size=30).map(lambda end: b"{" + end))
def test_any_bytes_are_accepted_or_refused_and_nothing_else(value: bytes) -> None:
    with suppress(RecordError):
        record(value).check(Limits())


@given(
    st.from_regex(r"[A-Za-z0-9._-]{1,9}/[0-9]{1,10}/[0-9]{1,19}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
)
def test_what_is_encoded_is_read_back(where: str, label: str) -> None:
    try:
        value = encode_feedback(where, label)
    except ValueError:
        assert not label.strip()
    else:
        assert read_feedback(value) == Feedback(where, label)
