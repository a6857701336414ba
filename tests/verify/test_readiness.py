"""How long a start is waited for, and what is said meanwhile and in the end."""

from __future__ import annotations

from itertools import count

import pytest

from aimass_stream.verify.errors import VerifyError
from aimass_stream.verify.readiness import EXTENDED, TOLD_EVERY_S, StartPatience, until_started

LIMIT_S = 60.0


def test_a_start_that_gets_further_is_waited_for_and_one_that_circles_is_not() -> None:
    now_s = [0.0]
    patience = StartPatience(LIMIT_S, lambda: now_s[0])
    assert patience.lasts(["loading"], 1)
    now_s[0] = LIMIT_S
    assert patience.lasts(["assigning"], 1)
    now_s[0] = 2 * LIMIT_S
    assert patience.lasts(["loading"], 2)
    now_s[0] = 3 * LIMIT_S + 1
    assert not patience.lasts(["assigning"], 2)
    endless = StartPatience(LIMIT_S, lambda: now_s[0])
    now_s[0] += EXTENDED * LIMIT_S + 1
    assert not endless.lasts(["a new reason"], 99)


async def test_what_is_waited_for_is_said_and_is_in_the_error() -> None:
    told: list[str] = []
    clock = count(step=TOLD_EVERY_S / 4)

    async def unready() -> list[str]:
        return ["partitions are being assigned"]

    patience = StartPatience(LIMIT_S, lambda: float(next(clock)))
    with pytest.raises(VerifyError, match=r"being assigned \(\d+ s\)\. Look there"):
        await until_started(unready, lambda: 0, patience, told.append, "Look there")
    assert told
    assert all("not ready yet: partitions are being assigned" in line for line in told)
