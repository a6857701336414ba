"""A soak: faults by chance for as long as asked, and what the application's processes take."""

from __future__ import annotations

import time
from collections.abc import Sequence

from aimass_stream.verify.fault import Fault
from aimass_stream.verify.finding import Finding, Row, Verdict, judged
from aimass_stream.verify.scene import Scene
from aimass_stream.verify.suite import Audience, run_faults
from aimass_stream.verify.usage import Usage, measure, slope_of

SOAK_ROW = "22"
"""Its row sums up the others of a run."""
WARM_SHARE = 0.3
"""Of the samples, the first ones, while caches fill."""
MIN_SAMPLES = 6
GROWTH_MIB_PER_HOUR = 5.0
MIB = 2**20


async def run_soak(
    scene: Scene, faults: Sequence[type[Fault]], minutes: float, rows: list[Row], audience: Audience
) -> None:
    """Run faults in an order drawn by the seed until the time is up.

    Each becomes a row, and the whole one more: nothing lost over all of them, and neither memory
    nor descriptors grow. Faults that start the application anew are left out, since nothing can
    be said of the growth of processes that end.

    Args:
        scene: opened; the caller closes it.
        faults: to draw from.
        minutes: how long.
        rows: filled as they end.
        audience: told of each.

    Raises:
        AimassError: the application cannot be started any more.
    """
    began, samples = time.monotonic(), list[Usage]()
    drawn = [fault for fault in faults if not fault.restarts and fault.needs <= scene.app.offers]
    while drawn and time.monotonic() - began < 60 * minutes:
        await run_faults(scene, [scene.draw.choice(drawn)], rows, audience)
        if not scene.in_doubt:
            await scene.rest()
            samples.append(measure(scene.workers.child.pid))
    finding = _judge(rows, samples)
    row = judged(f"soak of {minutes:g} min", SOAK_ROW, finding, time.monotonic() - began)
    rows.append(row)
    audience.end(row)


def _judge(rows: Sequence[Row], samples: Sequence[Usage]) -> Finding:
    """Sums over the faults, and the slopes after warm-up."""
    failed = sum(row.verdict is Verdict.FAIL for row in rows)
    problems = [f"{failed} of {len(rows)} faults failed"] if failed else []
    measured: dict[str, float] = {"faults": len(rows), "samples": len(samples)}
    warm = samples[int(len(samples) * WARM_SHARE) :]
    if len(warm) < MIN_SAMPLES:
        problems.append(f"{len(warm)} samples after warm-up are too few; soak for longer")
    else:
        at_s = [sample.at_s for sample in warm]
        memory = slope_of(at_s, [sample.rss_bytes / MIB for sample in warm])
        files = slope_of(at_s, [float(sample.descriptors) for sample in warm])
        for name, slope in (("rss_mib_per_hour", memory), ("descriptors_per_hour", files)):
            measured[name] = round(slope.per_hour, 2)
            measured[f"{name}_low"], measured[f"{name}_high"] = (
                round(slope.low, 2),
                round(slope.high, 2),
            )
        # A slope that may as well be none is no leak that was shown.
        if memory.low > GROWTH_MIB_PER_HOUR:
            problems.append(f"memory grows by {memory.low:.0f} MiB an hour or more")
        if files.low > 0:
            problems.append(f"descriptors grow by {files.low:.1f} an hour or more")
    return Finding(
        records=sum(row.records for row in rows),
        lost=sum(row.lost for row in rows),
        duplicated=sum(row.duplicated for row in rows),
        may_repeat=sum(row.may_repeat for row in rows),
        differing=sum(row.differing for row in rows),
        dead_lettered=sum(row.dead_lettered for row in rows),
        problems=problems,
        measured=measured,
    )
