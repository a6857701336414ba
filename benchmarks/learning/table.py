"""`python -m benchmarks.learning.table`: `learning.json` as the tables of docs/learning.md.

Prints them; with `--write` it puts each below its marker.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.table import RESULTS, Files, Row, Table, number, put, render, words

PAGE = Path(__file__).parents[2] / "docs" / "learning.md"

_DETECTORS = {
    "ensemble": "`vector_ensemble`",
    "mahalanobis": "`MahalanobisDetector`",
    "isolation forest": "`IsolationForestDetector`",
    "half-space trees": "`HalfSpaceTreesDetector`",
    "tails": "`TailsDetector`",
    "autoencoder": "`AutoencoderDetector`",
}
_DATA = {"shuttle": "Shuttle", "mammography": "Mammography", "annthyroid": "Annthyroid"}


def _values(files: Files) -> Iterator[Row]:
    for file in files.values():
        left_out = file["nab_leave_category_out"]
        yield {"detector": "`ValueDetector`", "score": file["nab"], "left_out": left_out}
        checks = file["nab_check"]
        yield {"detector": "how far outside all values before", "score": checks["range"]}
        yield {"detector": "windowed Gaussian", "score": checks["windowed gaussian"]}


def _vectors(files: Files) -> Iterator[Row]:
    """Areas by the data set that a table's name ends with."""
    for file in files.values():
        for name, shown in _DETECTORS.items():
            areas = file["tabular_by_learner"][name]
            by_data = {table.rpartition("_")[2]: area for table, area in areas.items()}
            yield {"detector": shown, **by_data}


TABLES: Mapping[str, Table] = {
    "values": Table(
        ("learning",),
        {
            "detector": words("detector"),
            "score": number("score"),
            "each category at the others' threshold": number("left_out"),
        },
        _values,
    ),
    "vectors": Table(
        ("learning",),
        {
            "detector": words("detector"),
            **{shown: number(name, ".3f") for name, shown in _DATA.items()},
            "mean": number("mean", ".3f"),
        },
        _vectors,
    ),
}


def document_of(text: str, results: Path = RESULTS) -> str:
    """The page with every table below its marker."""
    for name, table in TABLES.items():
        text = put(text, name, render(table, "en", results))
    return text


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning.table")
    parser.add_argument("--write", action="store_true", help="into docs/learning.md")
    if parser.parse_args().write:
        PAGE.write_text(document_of(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return
    for table in TABLES.values():
        sys.stdout.write(f"{render(table)}\n\n")


if __name__ == "__main__":
    main()
