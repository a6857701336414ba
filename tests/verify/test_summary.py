"""The sentence that ends a verification."""

from aimass_stream.cli.verifying.run import summary_of
from aimass_stream.verify.finding import Row, Verdict
from aimass_stream.verify.soak import SOAK_ROW


def row(fault: str, verdict: Verdict, *, records: int, number: str = "1") -> Row:
    return Row(fault=fault, row=number, verdict=verdict, records=records)


def test_the_row_of_a_soak_is_the_sum_of_the_others() -> None:
    rows = [
        row("kill", Verdict.PASS, records=200),
        row("hang", Verdict.FAIL, records=100),
        row("soak of 1 min", Verdict.FAIL, records=300, number=SOAK_ROW),
    ]
    assert summary_of(rows) == (
        "2 faults: 1 passed, 1 failed, 0 skipped. Of 300 records 0 were lost; "
        "0 repeats said something else."
    )
