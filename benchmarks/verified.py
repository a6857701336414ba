"""`python -m benchmarks.verified REPORT...`: reports of `aimass verify` as the table in the docs.

Where several reports hold a fault, its row adds them up: counts are sums, times are the worst.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from aimass_stream.verify.finding import Report, Row, Verdict

HEAD = (
    "| fault | row | runs | records | lost | duplicated | differing | recovery | verdict |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def read_report(path: Path) -> Report:
    """A report as `--report` wrote it."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def table_of(reports: Iterable[Report]) -> str:
    """The faults of these reports as a table in Markdown."""
    rows: dict[str, list[Row]] = {}
    for report in reports:
        for row in report.faults:
            rows.setdefault(row.fault, []).append(row)
    return "\n".join([HEAD, *map(_line, rows.values())])


def _line(runs: list[Row]) -> str:
    ran = [run for run in runs if run.verdict is not Verdict.SKIPPED]
    passed = sum(run.verdict is Verdict.PASS for run in ran)
    recovery_s = max((run.recovery_s for run in ran if run.recovery_s is not None), default=None)
    verdict = "skipped" if not ran else "pass" if passed == len(ran) else f"{passed} of {len(ran)}"
    cells = [
        runs[0].fault,
        runs[0].row,
        len(ran),
        sum(run.records for run in ran),
        sum(run.lost for run in ran),
        sum(run.duplicated for run in ran),
        sum(run.differing for run in ran),
        "" if recovery_s is None else f"{recovery_s:.1f} s",
        verdict,
    ]
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Print the table of the reports that are named."""
    print(table_of(read_report(Path(name)) for name in sys.argv[1:]))


if __name__ == "__main__":
    main()
