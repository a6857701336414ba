"""`python -m benchmarks.table`: result files as the tables of the READMEs.

Prints them; with `--write` it puts each below its marker in both READMEs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.words import WORDS

RESULTS = Path(__file__).parent / "results"
READMES: Mapping[str, Path] = {
    "en": Path(__file__).parents[1] / "README.md",
    "zh": Path(__file__).parents[1] / "README.zh-CN.md",
}

Row = Mapping[str, Any]
Files = Mapping[str, Mapping[str, Any]]
"""Result files by name."""


@dataclass(frozen=True)
class Table:
    """How result files become a table.

    Attributes:
        files: those it is made from; one that does not exist is left out.
        columns: header, and what a row shows there. Words are translated, figures are not.
        rows: the rows of these files.
    """

    files: tuple[str, ...]
    columns: Mapping[str, Callable[[Row], str]]
    rows: Callable[[Files], Iterator[Row]]


def _plain(files: Files) -> Iterator[Row]:
    for file in files.values():
        yield from file["rows"]


def _device(files: Files) -> Iterator[Row]:
    """Ours first in each kind, with every other row beside its share."""
    for kind, file in files.items():
        ours: Row = next((row for row in file["rows"] if row["contestant"] == "aimass"), {})
        for row in file["rows"]:
            name = row["contestant"]
            shares = {
                key: ours.get(key, {}).get(name) for key in ("share_of", "share_of_by_device_cpu")
            }
            yield {"kind": kind, **row, **shares}


def _mixed(files: Files) -> Iterator[Row]:
    """A row for each kind, offline and beside the others, and one for all."""
    for file in files.values():
        rows = {row["contestant"]: row for row in file["rows"]}
        ours = rows.pop("aimass")
        for kind, alone in rows.items():
            yield {
                "kind": kind,
                "alone": alone["records_per_s"],
                "together": ours[f"{kind}_records_per_s"],
                "share": ours["share_of_device"][kind],
            }
        yield {"kind": "all", "share": ours["share_of_offline"]}


def _served(files: Files) -> Iterator[Row]:
    for file in files.values():
        for name in ("images", "audio", "text", "behaviour"):
            if name in file:
                yield {"data": f"served {name}", **file[name]}


def number(name: str, form: str = ",.1f", unit: str = "") -> Callable[[Row], str]:
    """Shows a number; nothing where there is none."""

    def show(row: Row) -> str:
        value = row.get(name)
        return "" if value is None else f"{value:{form}}{unit}"

    return show


def words(name: str) -> Callable[[Row], str]:
    """Shows what is there, as it is."""
    return lambda row: str(row[name])


def _either(*names: str) -> Callable[[Row], str]:
    def show(row: Row) -> str:
        return next(f"{row[name]:,}" for name in names if name in row)

    return show


def percent(*names: str) -> Callable[[Row], str]:
    """Shows a share of 1, of the first name that is there; nothing where none is."""

    def show(row: Row) -> str:
        value = next((row[name] for name in names if row.get(name) is not None), None)
        return "" if value is None else f"{100 * value:.1f} %"

    return show


TABLES: Mapping[str, Table] = {
    "engine": Table(
        ("engine",),
        {
            "contestant": words("contestant"),
            "promise": words("guarantee"),
            "records": number("records", ","),
            "CPU a record": number("cpu_us_per_record", ".1f", " µs"),
            "records a second": number("records_per_s", ",.0f"),
            "times the floor's CPU": number("cpu_ratio_to_floor", ".2f"),
        },
        _plain,
    ),
    "profile": Table(
        ("profile",),
        {
            "part": words("contestant"),
            "CPU a record": number("cpu_us_per_record", ".2f", " µs"),
            "share": percent("share"),
        },
        _plain,
    ),
    "latency": Table(
        ("latency",),
        {
            "at 2,000 records a second": words("contestant"),
            "p50": number("p50_ms", ".1f", " ms"),
            "p99": number("p99_ms", ".1f", " ms"),
            "p99.9": number("p99_9_ms", ".1f", " ms"),
            "CPU a record": number("cpu_us_per_record", ".1f", " µs"),
        },
        _plain,
    ),
    "device": Table(
        ("text", "images", "audio"),
        {
            "kind": words("kind"),
            "contestant": words("contestant"),
            "records a second": number("records_per_s", ",.1f"),
            "padding": percent("padding_share"),
            "ours, as a share of it": percent("share_of"),
            "the same by the device's CPU time": percent("share_of_by_device_cpu"),
        },
        _device,
    ),
    "engines": Table(
        ("engines",),
        {
            "contestant": words("contestant"),
            "records a second": number("records_per_s", ",.1f"),
            "by the device's CPU second": number("records_per_device_cpu_s", ",.1f"),
            "padding": percent("padding_share"),
            "times torch": number("times_torch", ".2f"),
        },
        _plain,
    ),
    "mixed": Table(
        ("mixed",),
        {
            "kind": words("kind"),
            "offline, alone": number("alone", ",.1f"),
            "beside the others": number("together", ",.1f"),
            "of the device": percent("share"),
        },
        _mixed,
    ),
    "generation": Table(
        ("generation",),
        {
            "contestant": words("contestant"),
            "tokens a CPU-second": number("tokens_per_cpu_s", ",.0f"),
            "times one at a time": number("times_one_at_a_time", ".2f"),
        },
        _plain,
    ),
    "layers": Table(
        ("layers",),
        {
            "network": words("contestant"),
            "as torch computes it": number("plain_ms", ",.2f", " ms"),
            "as here": number("ms", ",.2f", " ms"),
            "share": number("share", ".2f"),
        },
        _plain,
    ),
    "start": Table(
        ("start",),
        {
            "with": words("contestant"),
            "first answer after": number("first_answer_s", ".1f", " s"),
            "CPU of all processes": number("cpu_s", ".1f", " s"),
        },
        _plain,
    ),
    "memory": Table(
        ("memory",),
        {
            "with": words("contestant"),
            "worker": number("worker_mib", ",.0f", " MiB"),
            "it grows a record": number("worker_bytes_per_record", ".1f", " B"),
            "device process": number("device_mib", ",.0f", " MiB"),
            "that grows a record": number("device_bytes_per_record", ".1f", " B"),
        },
        _plain,
    ),
    "scale": Table(
        ("scale",),
        {
            "workers": number("workers", "d"),
            "partitions": number("partitions", "d"),
            "records a second": number("records_per_s", ",.0f"),
            "CPU a record": number("cpu_us_per_record", ".1f", " µs"),
            "records a core-second": number("records_per_core_s", ",.0f"),
            "a worker leaves": number("rebalance_s", ".1f", " s"),
            "memory a worker": number("rss_mib_per_worker", ",.0f", " MiB"),
        },
        _plain,
    ),
    "served": Table(
        ("served",),
        {
            "data": words("data"),
            "sent": number("in", ","),
            "held out": _either("held_out_rows", "scored_rows"),
            "right": percent("accuracy", "hit_rate_at_10"),
            "baseline": percent("baseline"),
        },
        _served,
    ),
}


def table_of(name: str, language: str = "en", results: Path = RESULTS) -> str:
    """A table of the READMEs in Markdown; empty where none of its files exists."""
    return render(TABLES[name], language, results)


def render(table: Table, language: str = "en", results: Path = RESULTS) -> str:
    """A table in Markdown; empty where none of its files exists."""
    files = {
        file: orjson.loads(path.read_bytes())
        for file in table.files
        if (path := results / f"{file}.json").exists()
    }
    if not files:
        return ""
    rows = [[show(row) for show in table.columns.values()] for row in table.rows(files)]
    lines = [list(table.columns), ["---"] * len(table.columns), *rows]
    return "\n".join(_line(cells, language) for cells in lines)


def _line(cells: Sequence[str], language: str) -> str:
    words = [_said(cell, language) for cell in cells]
    # Dashes stand close in the line below a header.
    return f"|{'|'.join(words)}|" if set(words) == {"---"} else f"| {' | '.join(words)} |"


def _said(cell: str, language: str) -> str:
    english, chinese = WORDS.get(cell, (cell, cell))
    return chinese if language == "zh" else english


def marker(name: str) -> str:
    """The line above a table in a document; readers do not see it."""
    return f"<!-- python -m benchmarks.table: {name} -->\n"


def put(document: str, name: str, table: str) -> str:
    """The document with this table below its marker, in place of the one that stood there.

    A document may leave out what has no result file yet.

    Raises:
        ValueError: it has no such marker, and there is a table.
    """
    before, found, rest = document.partition(marker(name))
    if not found:
        if not table:
            return document
        raise ValueError(f"there is no line {marker(name).strip()}")
    lines = rest.split("\n")
    after = next(number for number, line in enumerate(lines) if not line.startswith("|"))
    return before + found + "\n".join([*([table] if table else []), *lines[after:]])


def main() -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write", action="store_true", help="into the READMEs")
    options = parser.parse_args()
    for language, readme in READMES.items():
        document = readme.read_text(encoding="utf-8")
        for name in TABLES:
            table = table_of(name, language, options.results)
            if table and options.write:
                document = put(document, name, table)
            elif table and language == "en":
                sys.stdout.write(f"{table}\n\n")
        if options.write:
            readme.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
