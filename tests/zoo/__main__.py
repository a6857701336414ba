"""`python -m tests.zoo`: run the contract suite, and write what works into `docs/models/`.

A row works when every case that stands for it held in every test. What could not run for want of
an extra counts as failed: install them all first (`pip install -e '.[dev,vision,speech]'`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.zoo.results import FAILS, judge, write
from tests.zoo.zoo import CASES, ON_TOPICS


class Verdicts:
    """Notes what became of each case."""

    def __init__(self) -> None:
        self.passed = {case.name: True for case in CASES}
        self.seen: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each step of each test."""
        name = report.nodeid.partition("[")[2].rstrip("]")
        # The one test on topics is about all that go there.
        about = {name} if name else (ON_TOPICS if "test_answers_on_topics" in report.nodeid else ())
        for case in about:
            if report.when == "call":
                self.seen.add(case)
            if case in self.passed and not report.passed:
                self.passed[case] = False


def main() -> int:
    """Run it; 0 when every row that has cases works."""
    verdicts = Verdicts()
    pytest.main([str(Path(__file__).parent), "-q", *sys.argv[1:]], plugins=[verdicts])
    passed = {case: good and case in verdicts.seen for case, good in verdicts.passed.items()}
    rows = judge(passed, {case.name: case.rows for case in CASES})
    write(rows)
    for name, row in rows.items():
        print(f"{name:4} {row.status}")  # noqa: T201 - a command's answer
    return int(any(row.status == FAILS for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
