"""`python -m tests.zoo`: run the contract suite, and write what works into `docs/models/`.

A row works when every case that stands for it held in every test. What could not run for want of
an extra counts as failed: install them all first (`pip install -e '.[dev]'`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.zoo.systems import BESIDE

TOPICS = "test_answers_on_topics"


class Verdicts:
    """Notes what became of each case, and of the one test that sends many through topics."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each step of each test."""
        file = report.nodeid.partition("::")[0]
        case = TOPICS if TOPICS in report.nodeid else report.nodeid.partition("[")[2].rstrip("]")
        if file in BESIDE.values():
            case = file
        if report.when == "call":
            self.seen.add(case)
        if not report.passed:
            self.failed.add(case)

    def holds(self, case: str) -> bool:
        """Whether it was asked everything, and all of it held."""
        return case in self.seen and case not in self.failed


def main() -> int:
    """Run it; 0 when every row that has cases works."""
    verdicts = Verdicts()
    places = [str(Path(__file__).parent), *BESIDE.values()]
    pytest.main([*places, "-q", *sys.argv[1:]], plugins=[verdicts])
    # Only now: pytest wants to be the first to import what the cases import.
    from tests.zoo.results import FAILS, judge, write
    from tests.zoo.zoo import CASES, ON_TOPICS

    passed = {
        case.name: verdicts.holds(case.name)
        and (case.name not in ON_TOPICS or verdicts.holds(TOPICS))
        for case in CASES
    }
    passed |= {file: verdicts.holds(file) for file in BESIDE.values()}
    rows = judge(passed, {case.name: case.rows for case in CASES})
    write(rows)
    for name, row in rows.items():
        print(f"{name:4} {row.status}")  # noqa: T201 - a command's answer
    return int(any(row.status == FAILS for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
