"""Dead letters as commands list, pick and draw them: no broker is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.text import Text

from aimass_stream.cli.letters.listing import Listing, list_lines
from aimass_stream.cli.letters.page import Page, page_json, page_lines
from aimass_stream.cli.letters.replaying import pick_letters
from aimass_stream.cli.letters.selection import Selection, read_moment, read_reason
from aimass_stream.errors import Reason, RecordError
from aimass_stream.kafka.dead_letters import dead_letter
from aimass_stream.kafka.letters import Letter, Letters, letter_of
from aimass_stream.kafka.replays import Replay
from aimass_stream.kafka.revival import Revived
from aimass_stream.kafka.survey import TopicState
from aimass_stream.records import Chunk, Record, identity
from aimass_stream.runtime.handover import Failure

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
HOSTILE = b"\x1b]0;owned\x07\x1b[2J\xe2\x80\xaegnp.exe\n\r\x9b31m\xff\x00"


def letter_record(
    offset: int,
    value: bytes = b"bad",
    headers: Sequence[tuple[str, bytes]] = (),
    error: RecordError | None = None,
    source: tuple[str, int, int] = ("in", 1, 7),
    agent: str = "a",
) -> Record:
    """A dead letter as it lies on its topic."""
    topic, partition, at = source
    chunk = Chunk(topic, partition, [at], [5], [b"k\x1b"], [value], [headers])
    error = error or RecordError(Reason.MODEL_ERROR, "why")
    failure = Failure(0, "m@1", error)
    _, key, sent, kept = dead_letter(agent, chunk, failure, lambda *_: pytest.fail("large"))
    return Record("app.dead_letters", 1, offset, 5, key, sent, kept)


def letters_of(*records: Record, replays: Mapping[tuple[int, int], Any] | None = None) -> Letters:
    found = [letter for record in records if (letter := letter_of(record)) is not None]
    return Letters("app.dead_letters", found, replays or {}, len(records) - len(found))


def letter(offset: int, **changes: Any) -> Letter:
    found = letter_of(letter_record(offset))
    assert found is not None
    facts = {name: getattr(found, name) for name in Letter.__slots__}
    return Letter(**{**facts, **changes})


class TestSelection:
    @pytest.mark.parametrize(
        ("text", "ago"),
        [
            ("90s", timedelta(seconds=90)),
            ("1.5h", timedelta(minutes=90)),
            ("2d", timedelta(days=2)),
            ("2026-01-02T11:00", timedelta(hours=1)),
            ("2026-01-02T11:00+01:00", timedelta(hours=2)),
        ],
    )
    def test_moments(self, text: str, ago: timedelta) -> None:
        assert read_moment(text, NOW) == (NOW - ago).timestamp() * 1000

    def test_words_that_mean_nothing_are_refused(self) -> None:
        with pytest.raises(ValueError, match="neither a duration"):
            read_moment("yesterday", NOW)
        with pytest.raises(ValueError, match="did you mean: model_error"):
            read_reason("model_eror")

    @pytest.mark.parametrize(
        ("selection", "offsets"),
        [
            (Selection(), [0, 1, 2]),
            (Selection(reasons=("empty", "model_error")), [0, 1]),
            (Selection(agents=("b",)), [1]),
            (Selection(models=("m",)), [0, 2]),
            (Selection(models=("m@2",)), [2]),
            (Selection(models=("n@3",)), [2]),
            (Selection(topics=("other",)), [2]),
            (Selection(since_ms=20), [1, 2]),
            (Selection(since_ms=20, until_ms=30), [1]),
            (Selection(ids=("the-id",)), [1]),
            (Selection(ids=("1/2", "app.dead_letters/1/0")), [0, 2]),
            (Selection(ids=("in/1/7",)), [0, 1]),
            (Selection(reasons=("empty",), agents=("a",)), []),
        ],
    )
    def test_every_filter_must_be_met(self, selection: Selection, offsets: list[int]) -> None:
        held = [
            letter(0, written_ms=10),
            letter(1, written_ms=20, agent="b", reason="empty", model="-", id="the-id"),
            letter(2, written_ms=30, topic="other", reason="too_large", model="m@2+n@3"),
        ]
        picked = selection.pick(Letters("app.dead_letters", held, {}, 0))
        assert [each.place[1] for each in picked] == offsets


class TestPick:
    TOPICS: Mapping[str, TopicState] = {"in": TopicState(2, 0, 0)}

    def test_one_letter_stands_for_all_of_its_record(self) -> None:
        first, repeat, other = letter_record(0), letter_record(1), letter_record(2, agent="b")
        letters = letters_of(first, repeat, other)
        for per_agent, offsets in ((True, [1, 2]), (False, [2])):
            pick = pick_letters(letters, Selection(), self.TOPICS, again=False, per_agent=per_agent)
            assert sorted(each.place[1] for each in pick.letters) == offsets
            settled = [each.place[1] for held in pick.repeats.values() for each in held]
            assert sorted(settled + offsets) == [0, 1, 2]

    def test_what_was_replayed_is_left_out_unless_it_failed_anew(self) -> None:
        letters = letters_of(
            letter_record(0), letter_record(1, source=("in", 0, 9)), replays={(1, 0): [object()]}
        )
        pick = pick_letters(letters, Selection(), self.TOPICS, again=False, per_agent=False)
        assert ([each.place for each in pick.letters], pick.replayed) == ([(1, 1)], 1)
        pick = pick_letters(letters, Selection(), self.TOPICS, again=True, per_agent=False)
        assert (len(pick.letters), pick.replayed) == (2, 0)

    def test_a_record_without_a_place_to_go_back_to_is_named(self) -> None:
        gone, small = letter_record(0, source=("out", 0, 1)), letter_record(1, source=("in", 2, 1))
        letters = letters_of(gone, small)
        pick = pick_letters(letters, Selection(), self.TOPICS, again=False, per_agent=False)
        assert pick.letters == []
        assert [why for _, why in sorted(pick.impossible)] == [
            "topic out is gone",
            "in has no such partition",
        ]


class TestScreens:
    @pytest.mark.parametrize("width", [80, 120])
    def test_the_list_fits_its_width_and_is_aligned(self, width: int) -> None:
        long = RecordError(Reason.MODEL_ERROR, "北京 \x1b[2J " + "x" * 300)
        records = [letter_record(at, error=long, agent=f"agent-{at}") for at in range(30)]
        letters = letters_of(*records, Record("app.dead_letters", 1, 99, 5, None, b"?", ()))
        lines = list_lines(Listing(letters, letters.letters, 20, "newest"), NOW, width)
        assert all(line.plain.isprintable() for line in lines)
        assert max(line.cell_len for line in lines) <= width
        text = [line.plain for line in lines]
        assert text[0] == "app.dead_letters: 30 dead letters, 0 of them replayed"
        assert text[1].startswith("1 record there that no engine wrote")
        assert "and 10 letters of 10 further kinds" in text
        starts = {line.index("model_error") for line in text[-20:]}
        assert len(starts) == 1

    def test_filters_that_none_meets_are_told_what_there_is(self) -> None:
        letters = letters_of(letter_record(0), letter_record(1, source=("out\x1b", 0, 1)))
        lines = list_lines(Listing(letters, [], None, "newest"), NOW, 80)
        assert [line.plain for line in lines] == [
            "app.dead_letters: 0 dead letters of 2",
            "None meets the filters. There are letters of",
            "  topic   in, out\\x1b",
            "  agent   a",
            "  model   m@1",
            "  reason  model_error",
        ]
        none = letters_of()
        assert len(list_lines(Listing(none, [], None, "newest"), NOW, 80)) == 1

    def test_letters_of_one_record_and_agent_are_told_as_repeats(self) -> None:
        letters = letters_of(*map(letter_record, range(3)), letter_record(3, agent="b"))
        head = list_lines(Listing(letters, letters.letters, None, "newest"), NOW, 80)[0]
        assert head.plain == (
            "app.dead_letters: 4 dead letters, 0 of them replayed, 2 of them repeats of a record"
        )

    def test_a_letter_says_what_became_of_its_replay(self) -> None:
        records = [letter_record(0), letter_record(1, source=("in", 0, 9)), letter_record(2)]
        letters = letters_of(*records, replays={(1, 0): [object()], (1, 1): [object()]})
        listing = Listing(letters, letters.letters, None, "oldest")
        ends = [line.plain.split("why")[-1].strip() for line in list_lines(listing, NOW, 120)]
        assert ends[-3:] == ["failed again", "replayed", ""]

    @pytest.mark.parametrize("width", [None, 40])
    def test_nothing_of_a_letter_acts_on_the_terminal(self, width: int | None) -> None:
        told = HOSTILE.decode(errors="replace")
        record = letter_record(
            3,
            HOSTILE,
            [("evil\x1b[0m", HOSTILE), (identity.ID, HOSTILE)],
            RecordError(Reason.AGENT_ERROR, told, f"Traceback\n  {told}"),
            agent=told,
        )
        letters = letters_of(record)
        page = Page(
            letters, letters.letters[0], record, Revived(letters.letters[0], record, HOSTILE)
        )
        lines: list[Text] = page_lines(page, width)
        assert all(line.plain.isprintable() for line in lines)
        assert width is None or max(line.cell_len for line in lines) <= width
        about = json.loads(page_json(page))
        assert page_json(page).isprintable()
        assert about["record"]["headers"]["aimass-id"] == HOSTILE.decode(errors="replace")

    def test_who_replayed_a_letter_stands_on_its_page(self) -> None:
        replay = Replay(
            letters=["app.dead_letters/1/2"],
            id="i",
            source="in/1/7",
            agent="a",
            mode="source",
            to="in/1/9",
            outcome="sent",
            by="u@h",
        )
        record = letter_record(2)
        letters = letters_of(record, replays={(1, 2): [replay]})
        lines = page_lines(Page(letters, letters.letters[0], record, None), None)
        assert any("by u@h, written again at in/1/9" in line.plain for line in lines)

    def test_a_record_that_is_no_letter_is_told_from_one(self) -> None:
        for headers in ([], [(identity.SOURCE, b"x")], [(identity.SOURCE, b"in/0/1")]):
            assert letter_of(Record("d", 0, 0, 0, None, b"", headers)) is None
