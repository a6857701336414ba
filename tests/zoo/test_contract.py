"""Every model of the zoo: the library's own answers, one for each record, in any batch."""

from __future__ import annotations

import msgspec
import pytest

from aimass_stream.errors import RecordError
from aimass_stream.model import Predictor
from tests.zoo.case import Case, Zoo
from tests.zoo.same import same
from tests.zoo.zoo import CASES

pytestmark = [
    pytest.mark.parametrize(
        "case",
        [
            pytest.param(
                case,
                id=case.name,
                marks=pytest.mark.skipif(not case.is_possible, reason=f"no {case.needs}"),
            )
            for case in CASES
        ],
    ),
    pytest.mark.filterwarnings("ignore"),
    # Some load libraries that take long on a machine that does other things, too.
    pytest.mark.timeout(300),
]


def test_answers_are_those_of_the_library(zoo: Zoo, case: Case) -> None:
    answers = zoo.answers(case)
    assert len(answers) == len(case.values)
    folder = zoo.folder(case)
    for payload, found in zip(zoo.payloads(case), answers, strict=True):
        expected = case.library(folder, payload)
        assert same(found, expected, case.tolerance), f"{found}\n{expected}"


def test_alone_and_in_any_batch_answers_agree(zoo: Zoo, case: Case) -> None:
    predictor = zoo.predictor(case)
    assert isinstance(predictor, Predictor)
    inputs = [predictor.decode(payload) for payload in zoo.payloads(case)]
    together = predictor.predict([*inputs, *inputs])
    backwards = predictor.predict(inputs[::-1])[::-1]
    assert len(together) == 2 * len(inputs)
    for row, one in enumerate(inputs):
        (alone,) = predictor.predict([one])
        for other in (together[row], together[row + len(inputs)], backwards[row]):
            assert same(alone, other, 1e-4), f"row {row}\n{alone}\n{other}"
    assert list(predictor.predict([])) == []


def test_answers_survive_the_way_to_the_topic(zoo: Zoo, case: Case) -> None:
    answer_type = zoo.declared(case).answer_type
    for found in zoo.answers(case):
        assert isinstance(found, answer_type)
        packed = msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=answer_type)
        written = msgspec.json.decode(msgspec.json.encode(packed), type=answer_type)
        assert written == found


def test_bad_input_costs_itself(zoo: Zoo, case: Case) -> None:
    payload, reason = case.bad
    with pytest.raises(RecordError) as caught:
        zoo.predictor(case).decode(payload)
    assert caught.value.reason is reason
