"""`python -m benchmarks.learning.table`: `learning.json` as the tables of docs/learning.md.

Prints them; with `--write` it puts each below its marker.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.table import RESULTS, Files, Row, Table, number, percent, put, render, words

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

_STREAMED = {
    "digits": "spoken digits; a backbone of two speakers, streamed the others",
    "sst2": "SST-2; a backbone of the training sentences, streamed the others",
}

_ONLINE = {
    "stacking": "learns how far to trust each member by what it said before it learnt; the default",
    "voting": "the mean of its members",
    "adaptive-random-forest": "Hoeffding trees that are replaced when they drift",
    "random-patches": "the same on random parts of records and numbers",
    "mondrian-forest": "aggregated Mondrian trees",
    "nearest-neighbours": "in a window of 2,000 records",
    "hoeffding-tree": "one adaptive tree",
    "linear": "softmax regression, or a line",
    "extra-trees": "fitted anew: 100 trees, cut at random",
    "random-forest": "fitted anew: 100 trees, cut where it is best",
    "support-vectors": "fitted anew, with a radial kernel",
    "decision-tree": "fitted anew: one tree",
    "regression": "fitted anew: logistic, or ridge",
    "perceptron": "fitted anew, averaged; labels only",
}


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


def _online(files: Files) -> Iterator[Row]:
    """Accuracy and errors of each kind, and what a record costs on the cheapest and dearest set."""
    for file in files.values():
        for kind, what in _ONLINE.items():
            costs = file["online_us_per_record"][kind].values()
            yield {
                "kind": f"`{kind}`",
                "what": what,
                **file["online_accuracy"][kind],
                **file["online_error"].get(kind, {}),
                "cost": f"{min(costs):,.0f}-{max(costs):,.0f} µs",
            }


def _online_change(files: Files) -> Iterator[Row]:
    """Each kind before and behind a change of all labels."""
    for file in files.values():
        for kind, found in file["online_change"].items():
            yield {"kind": f"`{kind}`", **found}


def _heads(files: Files) -> Iterator[Row]:
    """With the backbone first, then without, for each data set."""
    for file in files.values():
        for name, what in _STREAMED.items():
            found = file.get("heads", {}).get(name)
            if found is None:
                continue
            for backbone, suffix in (("yes", ""), ("no", "_without_backbone")):
                row = {figure: found[figure + suffix] for figure in _REACHED}
                yield {"what": what, "backbone": backbone, **row}


_REACHED = ("accuracy", "last_half", "begun_empty", "begun_empty_last_half")


def _costs(files: Files) -> Iterator[Row]:
    """The cheapest first; beside a block at once, what a record costs that comes alone."""
    for file in files.values():
        alone = file["us_per_record_one_by_one"]
        for name, us in sorted(file["us_per_record"].items(), key=lambda each: float(each[1])):
            rate = file["records_per_s"][name]
            yield {"learner": name, "us": us, "alone_us": alone[name], "rate": rate}


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
    "online": Table(
        ("learning",),
        {
            "`kind`": words("kind"),
            "what it is": words("what"),
            **{name: percent(name) for name in ("Phishing", "Bananas", "ImageSegments")},
            "CPU a record": words("cost"),
            "ChickWeights, off by": number("ChickWeights", ".1f"),
            "TrumpApproval, off by": number("TrumpApproval", ".2f"),
        },
        _online,
    ),
    "online-change": Table(
        ("learning",),
        {
            "`kind`": words("kind"),
            "before": percent("before"),
            "the next 462": percent("behind"),
            "the last 462": percent("last"),
        },
        _online_change,
    ),
    "heads": Table(
        ("learning",),
        {
            "stream": words("what"),
            "backbone": words("backbone"),
            "right, all": percent("accuracy"),
            "last half": percent("last_half"),
            "begun empty, all": percent("begun_empty"),
            "last half of that": percent("begun_empty_last_half"),
        },
        _heads,
    ),
    "costs": Table(
        ("learning",),
        {
            "learner": words("learner"),
            "a record of a block": number("us", ",.0f", " µs"),
            "a record alone": number("alone_us", ",.0f", " µs"),
            "records/s a core": number("rate", ",.0f"),
        },
        _costs,
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
