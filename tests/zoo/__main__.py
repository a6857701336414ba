"""`python -m tests.zoo [ROW ...]`: run the contract suite, and write what works to `docs/models/`.

A row works when every case that stands for it held in every test. What could not run for want of
an extra counts as failed: install them all first (`pip install -e '.[dev]'`). Where
rows are named, only what stands for them is run, and all other rows stay as they were written.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from tests.zoo.systems import BESIDE, SYSTEMS

TOPICS = "test_answers_on_topics"


class Verdicts:
    """Notes what became of each case, and of the one test that sends many through topics.

    Args:
        rows: what is run stands for one of these; all is run where none is named.
    """

    def __init__(self, rows: Collection[str]) -> None:
        self._rows = frozenset(rows)
        self.seen: set[str] = set()
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called by pytest with all tests there are; those that are left in are run."""
        if self._rows:
            items[:] = [item for item in items if self._stands_for(item)]

    def _stands_for(self, item: pytest.Item) -> bool:
        file = item.nodeid.partition("::")[0]
        if file in BESIDE.values():
            return any(BESIDE.get(row) == file for row in self._rows)
        case = item.callspec.params.get("case") if hasattr(item, "callspec") else None
        return TOPICS in item.nodeid if case is None else not self._rows.isdisjoint(case.rows)

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
    """Run it; 0 when every row that was run and has cases works."""
    chosen = sys.argv[1:]
    strange = sorted(set(chosen) - SYSTEMS.keys())
    if strange:
        print(f"no such row: {', '.join(strange)}", file=sys.stderr)  # noqa: T201
        return 2
    verdicts = Verdicts(chosen)
    places = [str(Path(__file__).parent), *BESIDE.values()]
    pytest.main([*places, "-q"], plugins=[verdicts])
    # Only now: pytest wants to be the first to import what the cases import.
    from tests.zoo.results import FAILS, judge, read, write
    from tests.zoo.zoo import CASES, ON_TOPICS

    passed = {
        case.name: verdicts.holds(case.name)
        and (case.name not in ON_TOPICS or verdicts.holds(TOPICS))
        for case in CASES
    }
    passed |= {file: verdicts.holds(file) for file in BESIDE.values()}
    judged = judge(passed, {case.name: case.rows for case in CASES})
    before = read()
    # What was not run stays as the last run found it, where there was one.
    rows = {
        name: row if not chosen or name in chosen else before.get(name, row)
        for name, row in judged.items()
    }
    write(rows)
    for name in chosen or rows:
        print(f"{name:4} {rows[name].status}")  # noqa: T201 - a command's answer
    return int(any(rows[name].status == FAILS for name in chosen or rows))


if __name__ == "__main__":
    sys.exit(main())
