"""Every learner crossed with every law."""

import pytest

from aimass_stream.testing import LEARNER_CHECKS, check_learner
from tests.learners.cases import CASES


@pytest.mark.parametrize("check", LEARNER_CHECKS)
@pytest.mark.parametrize("learner", CASES)
def test_law(learner: str, check: str) -> None:
    case = CASES[learner]
    check_learner(case.learner, case.events(), only=[check], renew=case.renew)
