"""Every learner crossed with every law."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aimass_stream.learner import Event, Learner
from aimass_stream.learners.heads import Head
from aimass_stream.testing import LEARNER_CHECKS, check_learner
from tests.learners.events import head_log


@dataclass(frozen=True)
class Case:
    """A learner and its log; bounds are small, so that the log fills them."""

    learner: Learner[Any]
    events: Callable[[], list[Event]]
    renew: Callable[[Event, int], Event] | None = None


LABELS = ["a", "b", "c"]
CASES = {
    "head": Case(
        Head("head", tuple(LABELS), 16, keep_records=40), lambda: head_log(100, LABELS, 16)
    ),
}


@pytest.mark.parametrize("check", LEARNER_CHECKS)
@pytest.mark.parametrize("learner", CASES)
def test_law(learner: str, check: str) -> None:
    case = CASES[learner]
    check_learner(case.learner, case.events(), only=[check], renew=case.renew)
