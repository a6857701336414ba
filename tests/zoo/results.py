"""What a run of the suite says of each row, and the files that say it to readers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tests.zoo.systems import BESIDE, LACKS, SYSTEMS

DOCS = Path(__file__).parents[2] / "docs" / "models"
ROWS = DOCS / "rows.json"
PAGE = DOCS / "README.md"
WORKS, PARTLY, FAILS, ABSENT = "works", "partly", "fails", "not yet"

_TABLE = re.compile(r"(<!-- rows -->\n).*?(<!-- end of rows -->)", re.DOTALL)


class Row(msgspec.Struct, frozen=True):
    """What is known of a row.

    Attributes:
        status: `works`, `partly` (it works, and `lacks` something), `fails`, or `not yet`.
        test: the command that proves it; empty where there is none.
        lacks: what it does not do.
    """

    status: str
    test: str = ""
    lacks: str = ""


def judge(passed: Mapping[str, bool], rows: Mapping[str, tuple[str, ...]]) -> dict[str, Row]:
    """The status of each row.

    Args:
        passed: for each case, and each file of `BESIDE`, whether all that was asked of it held.
        rows: the rows that each case stands for.
    """
    found = {}
    for row in SYSTEMS:
        cases = sorted(case for case, stands_for in rows.items() if row in stands_for)
        lacks = LACKS.get(row, "")
        beside = [BESIDE[row]] if row in BESIDE else []
        if not cases and not beside:
            found[row] = Row(ABSENT)
            continue
        chosen = " or ".join(cases)
        contract = [f'tests/zoo/test_contract.py -k "{chosen}"'] if cases else []
        test = " && ".join(f"python -m pytest {what}" for what in [*contract, *beside])
        needed = [*cases, *beside]
        good = all(passed.get(case, False) for case in needed)
        found[row] = Row((PARTLY if lacks else WORKS) if good else FAILS, test, lacks)
    return found


def table(rows: Mapping[str, Row]) -> str:
    """The rows as a table in Markdown."""
    lines = ["| row | system | status | without |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {SYSTEMS[name]} | {row.status} | {row.lacks} |" for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"


def write(rows: Mapping[str, Row]) -> None:
    """Write the results file, and the table made of it."""
    ROWS.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_TABLE.sub(rf"\1{table(rows)}\2", page), encoding="utf-8")


def read() -> dict[str, Row]:
    """The results of the last run that was written down."""
    return msgspec.json.decode(ROWS.read_bytes(), type=dict[str, Row])
