"""Who votes, who is asked, and what a failing member costs: nothing but its own vote."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aimass_stream.ensembles.combiner import Combiner
from aimass_stream.ensembles.ensemble import Ensemble
from aimass_stream.ensembles.poll import EVERY_LABEL
from aimass_stream.ensembles.voter import Voter
from aimass_stream.errors import Reason, RecordError, SetupError
from aimass_stream.model import Model
from aimass_stream.records import Prediction, Vote
from aimass_stream.registry.folder import resolve
from tests.ensembles.fakes import Opening, OpeningPredictor, Scripted

A, B, C = Scripted("a"), Scripted("b"), Scripted("c")


def voter(tmp_path: Path, *members: Model[Any], **settings: Any) -> Voter:
    declared = Ensemble("vote", members or (A, B, C), **settings)
    return Voter(resolve(declared, tmp_path), "cpu")


def said(**members: Any) -> bytes:
    return json.dumps(members).encode()


def ask(asked: Voter, payloads: Sequence[bytes]) -> list[Any]:
    return asked.predict([asked.decode(payload) for payload in payloads])


def calls(asked: Voter) -> list[list[int]]:
    """The rows of each call of each member."""
    return [getattr(member.predictor, "calls") for member in asked._members]  # noqa: B009 - no part of the contract


def test_all_members_vote_and_are_named(tmp_path: Path) -> None:
    (found,) = ask(voter(tmp_path), [said(a=0.9, b=0.3, c=0.6)])
    assert (found.label, found.members) == ("yes", ["a@1", "b@1", "c@1"])
    assert found.score == pytest.approx(0.6)
    assert found.scores == pytest.approx({"yes": 0.6, "no": 0.4})
    assert isinstance(found, Prediction)


def test_members_tell_all_their_scores_whatever_their_top_is(tmp_path: Path) -> None:
    asked = voter(tmp_path)
    tops = [getattr(member.predictor, "top") for member in asked._members]  # noqa: B009
    assert tops == [EVERY_LABEL] * 3
    (found,) = ask(voter(tmp_path, top=1), [said(a=0.9, b=0.3, c=0.6)])
    assert found.scores == {"yes": found.score}


def test_weights_and_majorities(tmp_path: Path) -> None:
    payload = said(a=0.9, b=0.4, c=0.4)
    assert ask(voter(tmp_path), [payload])[0].label == "yes"
    assert ask(voter(tmp_path, by="majority"), [payload])[0].label == "no"
    heavy = voter(tmp_path, by="majority", weights=(3, 1, 1))
    assert ask(heavy, [payload])[0].label == "yes"
    (found,) = ask(voter(tmp_path, weights=(1, 1, 2)), [payload])
    assert found.scores == pytest.approx({"yes": 2.1 / 4, "no": 1.9 / 4})


@pytest.mark.parametrize("failure", ["raise", "refuse", "nan", "odd", "short", "undecodable"])
def test_a_member_that_fails_on_a_record_leaves_the_vote_for_that_record(
    tmp_path: Path, failure: str
) -> None:
    good = said(a=0.9, b=0.3, c=0.6)
    bad = said(a=0.9, b=failure, c=0.6)
    found = ask(voter(tmp_path), [good, bad, good, good, good])
    assert found[1].members == ["a@1", "c@1"]
    assert found[1].scores == pytest.approx({"yes": 0.75, "no": 0.25})
    (alone,) = ask(voter(tmp_path), [good])
    assert [found[row] for row in (0, 2, 3, 4)] == [alone] * 4


def test_a_decoder_that_raises_anything_costs_one_vote(tmp_path: Path) -> None:
    (found,) = ask(voter(tmp_path), [said(a=0.9, b="broken", c=0.6)])
    assert found.members == ["a@1", "c@1"]


def test_weights_of_those_that_are_left_sum_up_to_one(tmp_path: Path) -> None:
    (found,) = ask(voter(tmp_path, weights=(1, 5, 3)), [said(a=0.8, b="raise", c=0.4)])
    assert found.scores == pytest.approx({"no": (0.2 + 3 * 0.6) / 4, "yes": 0.5})


def test_one_culprit_costs_few_calls_and_a_broken_member_a_bounded_number(tmp_path: Path) -> None:
    good, bad = said(a=0.9, b=0.3, c=0.6), said(a=0.9, b="raise", c=0.6)
    asked = voter(tmp_path)
    rows = [good] * 63 + [bad]
    found = ask(asked, rows)
    assert [len(one.members) for one in found] == [3] * 63 + [2]
    assert calls(asked)[0] == [64]
    assert len(calls(asked)[1]) == 1 + 2 * 6
    asked = voter(tmp_path)
    found = ask(asked, [bad] * 64)
    assert all(one.members == ["a@1", "c@1"] for one in found)
    assert len(calls(asked)[1]) <= 64 + 3


def test_a_broken_member_is_logged_less_and_less_often(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = voter(tmp_path)
    for _ in range(9):
        ask(asked, [said(a=0.9, b="raise", c=0.6)])
    assert [record.getMessage() for record in caplog.records] == [
        f"b@1 leaves the vote where its calls fail; {count} so far, the last: "
        "model_error: b@1: RuntimeError: told to raise"
        for count in (1, 2, 4, 8)
    ]


def test_memory_that_runs_out_is_the_engines_to_handle_unless_a_record_is_alone(
    tmp_path: Path,
) -> None:
    hungry, good = said(a="memory", b=0.3, c=0.6), said(a=0.9, b=0.3, c=0.6)
    with pytest.raises(MemoryError):
        ask(voter(tmp_path), [hungry, good])
    (found,) = ask(voter(tmp_path), [hungry])
    assert len(found.members) == 3


def test_a_record_without_a_quorum_has_no_answer(tmp_path: Path) -> None:
    bad = said(a=0.9, b="raise", c=0.6)
    assert isinstance(ask(voter(tmp_path, quorum=2), [bad])[0], Vote)
    (error,) = ask(voter(tmp_path, quorum=3), [bad])
    assert isinstance(error, RecordError)
    assert error.reason is Reason.MODEL_ERROR
    assert "2 of 3 members answered, 3 must: b@1: RuntimeError: told to raise" in error.detail
    (nobody,) = ask(voter(tmp_path), [said(a="raise", b="refuse", c="nan")])
    assert isinstance(nobody, RecordError)


def test_what_no_member_can_take_is_refused_when_it_is_decoded(tmp_path: Path) -> None:
    with pytest.raises(RecordError) as caught:
        voter(tmp_path).decode(said(a="undecodable", b="undecodable", c="undecodable"))
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_cascade_asks_the_next_member_about_unsure_records_only(tmp_path: Path) -> None:
    asked = voter(tmp_path, A, B, by="cascade", confidence=0.9)
    rows = [said(a=0.95, b=0.1), said(a=0.6, b=0.2), said(a=0.05, b=0.9), said(a=0.9, b=0.1)]
    found = ask(asked, rows)
    assert [one.label for one in found] == ["yes", "no", "no", "yes"]
    assert [one.members for one in found] == [["a@1"], ["a@1", "b@1"], ["a@1"], ["a@1"]]
    assert found[1].score == pytest.approx(0.8)
    assert calls(asked) == [[4], [1]]


def test_a_cascade_keeps_the_order_of_the_member_that_it_believes(tmp_path: Path) -> None:
    (found,) = ask(voter(tmp_path, A, B, by="cascade"), [said(a=0.5, b=0.5)])
    assert (found.label, list(found.scores)) == ("yes", ["yes", "no"])


def test_a_cascade_goes_past_members_that_fail(tmp_path: Path) -> None:
    asked = voter(tmp_path, A, B, by="cascade")
    rows = [said(a="raise", b=0.2), said(a="undecodable", b=0.2), said(a=0.6, b="refuse")]
    found = ask(asked, rows)
    assert [one.members for one in found] == [["b@1"], ["b@1"], ["a@1"]]
    assert found[2].scores == pytest.approx({"yes": 0.6, "no": 0.4})


def test_stacking_takes_a_fitted_combiner(tmp_path: Path) -> None:
    weights = np.zeros((2, 2, 2))
    weights[0, 1, 0] = weights[1, 1, 1] = 1.0
    folder = tmp_path / "fitted"
    folder.mkdir()
    Combiner(["no", "yes"], weights, np.zeros(2)).save(folder)
    asked = voter(tmp_path, A, B, by="stacking", combiner=str(folder))
    found = ask(asked, [said(a=0.9, b=0.2), said(a=0.9, b="raise")])
    assert found[0].scores == pytest.approx({"no": 0.8, "yes": 0.2})
    assert found[1].scores == pytest.approx({"yes": 0.9, "no": 0.1})
    assert found[1].members == ["a@1"]
    with pytest.raises(SetupError, match="fitted for 2 members"):
        voter(tmp_path, A, B, C, by="stacking", combiner=str(folder))


def test_members_of_different_labels_are_refused(tmp_path: Path) -> None:
    other = Scripted("b", labels=("no", "Yes"))
    with pytest.raises(SetupError, match=r"Yes, yes are known to one of a@1 and b@1"):
        voter(tmp_path, A, other)


def test_a_payload_is_opened_once_for_members_that_open_it_alike(tmp_path: Path) -> None:
    payload = said(a=0.9, b=0.3, c=0.6)
    asked = voter(tmp_path, Opening("a"), Opening("b"), C)
    OpeningPredictor.opened_payloads.clear()
    (found,) = ask(asked, [payload])
    assert found.members == ["a@1", "b@1", "c@1"]
    assert OpeningPredictor.opened_payloads == [payload]
    assert asked.opening is None
    same = voter(tmp_path, Opening("a"), Opening("b"))
    assert same.opening == "json"
    assert same.predict([same.prepare(same.open(payload))]) == ask(same, [payload])


def test_an_ensemble_may_be_a_member(tmp_path: Path) -> None:
    inner = Ensemble("inner", (A, B), by="majority")
    asked = voter(tmp_path, inner, C)
    (found,) = ask(asked, [said(a=0.9, b=0.8, c=0.6)])
    assert found.scores == pytest.approx({"yes": 0.8, "no": 0.2})
    assert found.members == [resolve(inner, tmp_path).id, "c@1"]


def test_members_are_closed(tmp_path: Path) -> None:
    asked = voter(tmp_path)
    asked.close()
    assert all(getattr(member.predictor, "is_closed") for member in asked._members)  # noqa: B009
