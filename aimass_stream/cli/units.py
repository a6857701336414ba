"""Amounts as people read them."""

from __future__ import annotations


def size_text(size_bytes: float) -> str:
    """Bytes in the unit that keeps the number short, e.g. `1.2 kB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def number_text(number: float) -> str:
    """A number of weights in few digits, e.g. `950`, `79.7k`, `1.2M`, `7.0B`."""
    for unit in ("", "k", "M"):
        if number < 1000:
            return f"{number:.0f}" if not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:,.1f}B"


def count_text(count: int, noun: str) -> str:
    """A count and its noun, e.g. `1 image`, `1,000 images`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration_text(seconds: float) -> str:
    """A duration, e.g. `3.2 s`, `2 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
