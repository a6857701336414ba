"""`python -m benchmarks.plots [DIR]`: result files as pictures beside them, in SVG."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks.words import WORDS

OURS, OTHERS = "#1f77b4", "#b0b0b0"
SHADES = ("#b0b0b0", "#606060", "#1f77b4")

Result = Mapping[str, Any]


def plot(name: str, folder: Path) -> Path | None:
    """Draw a picture whose file has what it is of.

    Returns:
        The picture; None where there is none to draw, or nothing to draw with.
    """
    if name not in _PICTURES:
        return None
    source, draw = _PICTURES[name]
    path = folder / f"{source}.json"
    if not path.exists():
        return None
    try:
        import matplotlib as mpl
    except ImportError:
        print("matplotlib is not installed; there are no pictures.", flush=True)
        return None
    mpl.use("svg")
    # The same file gives the same picture, byte for byte.
    mpl.rcParams.update({"svg.hashsalt": name, "font.size": 9})
    figure = draw(orjson.loads(path.read_bytes()))
    if figure is None:
        return None
    figure.savefig(picture := folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
    return picture


def _engine(result: Result) -> Any:
    bars = [(row["contestant"], row["cpu_us_per_record"]) for row in result["rows"]]
    return _bars(bars, "CPU a record, µs", logarithmic=True)


def _device(result: Result) -> Any:
    bars = [(row["contestant"], row["records_per_s"]) for row in result["rows"]]
    return _bars(bars, "records a second, on one core")


def _feed(result: Result) -> Any:
    """Prequential hit rates of the recommender; None where no curve is kept."""
    from matplotlib.figure import Figure

    curve = result.get("feed_curve")
    if curve is None:
        return None
    figure = Figure(figsize=(7, 2.5))
    axes = figure.subplots()
    for name, colour in (("recommender", OURS), ("popular", OTHERS)):
        rates = curve[name]
        step = curve["events"] / len(rates)
        axes.plot(
            [step * (place + 0.5) for place in range(len(rates))], rates, c=colour, label=name
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("events, each asked before it is told")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    _finish(axes, "feed: share of events whose item was among 10")
    return figure


def _members(result: Result) -> Any:
    """Hit rates without each member; None where they were not measured."""
    from matplotlib.figure import Figure

    if not {"feed_members", "session_members"} <= result.keys():
        return None
    figure = Figure(figsize=(9, 2.5))
    panels = (
        ("feed_members", "hr10", "feed: hit rate among 10"),
        ("session_members", "p20", "sessions: hit rate among 20"),
    )
    for axes, (part, measure, title) in zip(figure.subplots(1, 2), panels, strict=True):
        found = result[part]
        colours = [OURS if name == "all" else OTHERS for name in found]
        rates = [row[measure] for row in found.values()]
        axes.bar_label(axes.barh(list(found), rates, color=colours), fmt="{:.3f}", padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.2)
        _finish(axes, title)
    figure.tight_layout()
    return figure


def _online(result: Result) -> Any:
    """Prequential accuracy of classifiers, a panel for each data set; None where none is kept."""
    from matplotlib.figure import Figure

    curves = result.get("online_curves")
    if not curves:
        return None
    figure = Figure(figsize=(9, 2.5))
    names = list(next(iter(curves.values())))
    for axes, data in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        for kind, of_kind in curves.items():
            rates = of_kind[data]
            axes.plot(range(1, len(rates) + 1), rates, label=kind)
        axes.set_xlabel("tenths of the stream")
        _finish(axes, data)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _roc(result: Result) -> Any:
    """Share of anomalies found by share of ordinary records above; None where none is kept."""
    from matplotlib.figure import Figure

    curves = dict(result.get("tabular_roc", {}))
    if not curves:
        return None
    rates = curves.pop("false_alarm_rates")
    figure = Figure(figsize=(9, 2.5))
    names = list(next(iter(curves.values())))
    for axes, data in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        for learner, of_learner in curves.items():
            axes.plot(rates, of_learner[data], label=learner)
        axes.set_xscale("log")
        axes.set_xlabel("false alarms")
        _finish(axes, f"{data}: found")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    return figure


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


# By the name of a picture: the name of its file of results, and who draws it.
_PICTURES: Mapping[str, tuple[str, Callable[[Result], Any]]] = {
    "engine": ("engine", _engine),
    "latency": ("latency", _latency),
    "text": ("text", _device),
    "images": ("images", _device),
    "audio": ("audio", _device),
    "scale": ("scale", _scale),
    "learning-feed": ("learning", _feed),
    "learning-members": ("learning", _members),
    "learning-online": ("learning", _online),
    "learning-roc": ("learning", _roc),
}


def plots_of(file: Path) -> Iterator[Path]:
    """Draw all pictures of one file of results, beside it."""
    for name, (source, _) in _PICTURES.items():
        if source == file.stem and (picture := plot(name, file.parent)) is not None:
            yield picture


def main() -> None:
    """Draw what there are files for."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "results"
    for name in _PICTURES:
        if (picture := plot(name, folder)) is not None:
            print(picture)


if __name__ == "__main__":
    main()
