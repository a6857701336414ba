"""A block that grows is gone on with; one that does not begins anew."""

from collections.abc import Sequence

import pytest

from aimass_stream.learners.open_block import OpenBlock


class Sums:
    """Sums of all numbers so far, and how many numbers it was asked about."""

    def __init__(self) -> None:
        self.asked = 0
        self.block = OpenBlock(lambda: [0], self.answer)

    def answer(self, ahead: list[int], numbers: Sequence[list[int]]) -> list[int]:
        sums = []
        for (number,) in numbers:
            self.asked += 1
            ahead[0] += number
            if number < 0:
                raise ValueError(number)
            sums.append(ahead[0])
        return sums


def test_each_input_is_answered_once_however_few_come() -> None:
    sums, inputs = Sums(), [[1], [2], [3], [4]]
    for end in (1, 2, 2, 4):
        assert sums.block.answers(inputs[:end]) == [1, 3, 6, 10][:end]
    assert sums.block.ahead(inputs) == [10]
    assert sums.asked == 4


def test_rows_that_lead_to_nothing_are_answered_once_as_well() -> None:
    asked: list[int] = []

    def answer(ahead: None, numbers: Sequence[int]) -> Sequence[int]:
        assert ahead is None
        asked.extend(numbers)
        return numbers

    block = OpenBlock(lambda: None, answer)
    assert block.answers([1]) == [1]
    assert block.answers([1, 2]) == [1, 2]
    assert asked == [1, 2]


def test_other_inputs_begin_another_block_even_if_they_are_equal() -> None:
    sums = Sums()
    sums.block.answers([[1], [2]])
    assert sums.block.answers([[1], [2], [3]]) == [1, 3, 6]
    assert sums.asked == 5


def test_fewer_inputs_begin_the_block_anew() -> None:
    sums, inputs = Sums(), [[1], [2]]
    sums.block.answers(inputs)
    assert sums.block.ahead(inputs[:1]) == [1]


def test_what_raised_is_not_gone_on_with() -> None:
    sums, inputs = Sums(), [[1], [-5], [3]]
    sums.block.answers(inputs[:1])
    with pytest.raises(ValueError, match="-5"):
        sums.block.answers(inputs)
    assert sums.block.answers([inputs[0], inputs[2]]) == [1, 4]


def test_behind_its_end_another_begins() -> None:
    sums, inputs = Sums(), [[1]]
    sums.block.answers(inputs)
    sums.block.close()
    assert sums.block.ahead([]) == [0]
