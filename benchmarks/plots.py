"""`python -m benchmarks.plots [DIR]`: result files as pictures beside them, in SVG."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.words import WORDS

OURS, OTHERS = "#1f77b4", "#b0b0b0"
SHADES = ("#b0b0b0", "#606060", "#1f77b4")

Result = Mapping[str, Any]


def plot(name: str, folder: Path) -> Path | None:
    """Draw a row set that has a picture and a file.

    Returns:
        The picture; None where there is none to draw, or nothing to draw with.
    """
    path = folder / f"{name}.json"
    if name not in _PICTURES or not path.exists():
        return None
    try:
        import matplotlib as mpl
    except ImportError:
        print("matplotlib is not installed; there are no pictures.", flush=True)
        return None
    mpl.use("svg")
    # The same file gives the same picture, byte for byte.
    mpl.rcParams.update({"svg.hashsalt": name, "font.size": 9})
    figure = _PICTURES[name](orjson.loads(path.read_bytes()))
    figure.savefig(picture := folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
    return picture


def _engine(result: Result) -> Any:
    bars = [(row["contestant"], row["cpu_us_per_record"]) for row in result["rows"]]
    return _bars(bars, "CPU a record, µs", logarithmic=True)


def _device(result: Result) -> Any:
    bars = [(row["contestant"], row["records_per_s"]) for row in result["rows"]]
    return _bars(bars, "records a second, on one core")


def _bars(bars: Sequence[tuple[str, float]], title: str, *, logarithmic: bool = False) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.8 + 0.35 * len(bars)))
    axes = figure.subplots()
    names = [_said(name) for name, _ in bars]
    colours = [OURS if name == "aimass" else OTHERS for name, _ in bars]
    drawn = axes.barh(names, [value for _, value in bars], color=colours, log=logarithmic)
    axes.bar_label(drawn, fmt="{:,.1f}", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    if logarithmic:
        # Where a logarithmic axis begins decides how long bars look, so it is the same always.
        axes.set_xlim(left=1)
    _finish(axes, title)
    return figure


def _latency(result: Result) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.5))
    axes = figure.subplots()
    others = iter(SHADES)
    for row in result["rows"]:
        points = [row["p50_ms"], row["p99_ms"], row["p99_9_ms"]]
        colour = OURS if row["contestant"] == "aimass" else next(others)
        axes.plot(["p50", "p99", "p99.9"], points, "o-", label=_said(row["contestant"]), c=colour)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    _finish(axes, f"from produce to answer at {result['rate']:,} records a second, ms")
    return figure


def _scale(result: Result) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.5))
    axes = figure.subplots()
    counts = sorted({row["partitions"] for row in result["rows"]})
    for partitions, colour in zip(counts, SHADES, strict=False):
        rows = [row for row in result["rows"] if row["partitions"] == partitions]
        axes.plot(
            [row["workers"] for row in rows],
            [row["cpu_us_per_record"] for row in rows],
            "o-",
            label=f"{partitions} partitions",
            c=colour,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("workers")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    _finish(axes, "CPU a record, µs")
    return figure


def _said(name: str) -> str:
    return WORDS.get(name, (name, ""))[0].replace("`", "")


def _finish(axes: Any, title: str) -> None:
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


_PICTURES: Mapping[str, Callable[[Result], Any]] = {
    "engine": _engine,
    "latency": _latency,
    "text": _device,
    "images": _device,
    "audio": _device,
    "scale": _scale,
}


def main() -> None:
    """Draw what there are files for."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "results"
    for name in _PICTURES:
        if (picture := plot(name, folder)) is not None:
            print(picture)


if __name__ == "__main__":
    main()
