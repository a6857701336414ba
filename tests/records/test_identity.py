"""Ids: the same for every repeat, and another for everything that is another answer."""

from aimass_stream.records import identity
from aimass_stream.records.identity import NO_MODEL, answer_id, input_id


def test_two_answers_to_one_root_that_one_agent_reads_give_answers_of_two_ids() -> None:
    first = answer_id("in/0/7", "read", "m@1", 0)
    second = answer_id("in/0/7", "listen", "n@1", 0)
    assert len({first, second}) == 2
    above = [answer_id("in/0/7", "judge", "q@1", 0, each) for each in (first, second)]
    assert len({*above, answer_id("in/0/7", "judge", "q@1", 0)}) == 3
    assert all(each.endswith("-7") for each in above)


def test_records_that_came_the_same_way_share_what_stands_before_the_offset() -> None:
    ids = [answer_id(f"in/0/{offset}", "read", "m@1", 0) for offset in (7, 8)]
    above = [
        answer_id(f"in/0/{offset}", "judge", NO_MODEL, 0, each)
        for offset, each in zip((7, 8), ids, strict=True)
    ]
    assert above[0].removesuffix("7") == above[1].removesuffix("8")


def test_a_record_that_is_written_again_is_answered_as_it_would_have_been() -> None:
    again = answer_id("in/0/7", "read", "m@1", 0, input_id("in/0/7"))
    assert again == answer_id("in/0/7", "read", "m@1", 0)


def test_headers_say_what_they_say() -> None:
    headers = [("a", b"1"), ("b", b"\xff"), ("a", b"2")]
    assert identity.header_text(headers, "a") == "1"
    assert identity.header_text(headers, "b") == "\N{REPLACEMENT CHARACTER}"
    assert identity.header_text(headers, "c") == ""
