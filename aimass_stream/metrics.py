"""Every metric of the engine: its name with the unit in it, its labels, and what it means.

Collectors live on the default registry of prometheus_client, one set a process. Labels are
bounded: models, topics, agents and reasons, never keys, offsets or messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

_catalogue: list[tuple[MetricWrapperBase, str, str]] = []


def describe() -> list[tuple[str, str, str]]:
    """`(name, unit, meaning)` of every metric, in the order they are declared; for the docs.

    Names are those a scrape shows: a counter's ends in `_total`, a histogram's gets
    `_bucket`, `_sum` and `_count` appended there.
    """
    return [(_scraped_name(metric), unit, meaning) for metric, unit, meaning in _catalogue]


def _scraped_name(metric: MetricWrapperBase) -> str:
    family = next(iter(metric.describe()))
    return f"{family.name}_total" if family.type == "counter" else family.name


def _counter(name: str, unit: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
    metric = Counter(name, meaning, labels)
    _catalogue.append((metric, unit, meaning))
    return metric


def _gauge(name: str, unit: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
    metric = Gauge(name, meaning, labels)
    _catalogue.append((metric, unit, meaning))
    return metric


def _histogram(
    name: str, unit: str, meaning: str, labels: Sequence[str], bounds: Sequence[float]
) -> Histogram:
    metric = Histogram(name, meaning, labels, buckets=bounds)
    _catalogue.append((metric, unit, meaning))
    return metric


_MILLISECONDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)
_COSTS = tuple(4**power for power in range(11))
_SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75)

# -- records -----------------------------------------------------------------------------

RECORDS_SUBMITTED = _counter(
    "aimass_records_submitted_total",
    "records",
    "Records handed to a model, whatever became of them.",
    ["model"],
)
RECORDS_ANSWERED = _counter(
    "aimass_records_answered_total",
    "records",
    "Records a model answered.",
    ["model"],
)
RECORDS_FAILED = _counter(
    "aimass_records_dead_lettered_total",
    "records",
    "Records a model has no answer for, by the reason their dead letter carries.",
    ["model", "reason"],
)
OUTCOMES = _counter(
    "aimass_outcome_records_total",
    "records",
    "Records of an agent whose outcome is on the broker: answered, quiet or dead_lettered.",
    ["agent", "outcome"],
)
DEAD_LETTERS = _counter(
    "aimass_dead_letters_total",
    "letters",
    "Dead letters of an agent that are on the broker, by reason; whoever failed, also the agent.",
    ["agent", "reason"],
)
OPEN_CIRCUITS = _gauge(
    "aimass_open_circuits",
    "circuits",
    "1 while a model fails on everything, so that its records are held; else 0.",
    ["model"],
)
HELD_BYTES = _gauge(
    "aimass_held_bytes",
    "bytes",
    "Payloads held by the worker until their outcome is known; submits wait at the limit.",
)

LAG_RECORDS = _gauge(
    "aimass_lag_records",
    "records",
    "Records of a partition this worker owns that have no outcome on the broker yet, by offsets.",
    ["topic", "partition"],
)
BUFFERED_BYTES = _gauge(
    "aimass_buffered_bytes",
    "bytes",
    "Records of a partition held by this worker; at the limit it is left out of fetches.",
    ["topic", "partition"],
)
LOOP_LAG_MS = _gauge(
    "aimass_loop_lag_milliseconds",
    "milliseconds",
    "Longest hold-up of the worker's event loop in the last ten seconds.",
)

# -- quality, by labels that came --------------------------------------------------------

ACCURACY = _gauge(
    "aimass_accuracy_ratio",
    "ratio",
    "Share of a model's latest labelled answers that were right.",
    ["model"],
)
BRIER = _gauge(
    "aimass_brier_score",
    "score",
    "Mean squared error of a model's probabilities over all labels, 0 to 2.",
    ["model"],
)
CALIBRATION_ERROR = _gauge(
    "aimass_calibration_error_ratio",
    "ratio",
    "Expected calibration error of a model: by how much confidence and accuracy differ.",
    ["model"],
)
ANSWER_DISTANCE = _gauge(
    "aimass_answer_distance_ratio",
    "ratio",
    "Jensen-Shannon distance of a model's latest answers from those before, 0 to 1.",
    ["model"],
)
LABELS = _gauge(
    "aimass_labels",
    "labels",
    "Labels of a model's answers by what became of them: learnt, corrected, or unlabelled where "
    "none came in time; counted with the state, so a replay repeats none.",
    ["model", "outcome"],
)

# -- batches -----------------------------------------------------------------------------

BATCH_ROWS = _histogram(
    "aimass_batch_rows", "rows", "Rows of a batch sent to a model.", ["model"], _ROWS
)
BATCH_COST = _histogram(
    "aimass_batch_cost",
    "cost",
    "Rows of a batch times what each is padded to, in the model's unit of cost.",
    ["model"],
    _COSTS,
)
BATCH_PADDING = _histogram(
    "aimass_batch_padding_ratio",
    "ratio",
    "Share of a batch's cost that is padding.",
    ["model"],
    _SHARES,
)
BATCHES_SPLIT = _counter(
    "aimass_batches_split_total",
    "batches",
    "Batches that failed as a whole and were split to find the record to blame, by reason.",
    ["model", "reason"],
)
OUT_OF_MEMORY = _counter(
    "aimass_batches_out_of_memory_total",
    "batches",
    "Batches that ran out of memory; each halves the largest batch of its model for good.",
    ["model"],
)
QUEUE_ROWS = _gauge(
    "aimass_queue_rows", "rows", "Records waiting for a batch when the last was cut.", ["model"]
)
QUEUE_MS = _histogram(
    "aimass_queue_age_milliseconds",
    "milliseconds",
    "Age of the oldest record of a batch when the batch was cut, counted from submit.",
    ["model"],
    _MILLISECONDS,
)

# -- the device --------------------------------------------------------------------------

DECODE_MS = _histogram(
    "aimass_decode_milliseconds",
    "milliseconds",
    "Time in which a batch's payloads became inputs.",
    ["model"],
    _MILLISECONDS,
)
PREDICT_MS = _histogram(
    "aimass_predict_milliseconds",
    "milliseconds",
    "Time a model took for a batch.",
    ["model"],
    _MILLISECONDS,
)
DEVICE_BUSY_S = _counter(
    "aimass_device_busy_seconds_total",
    "seconds",
    "Time the device spent predicting, by model.",
    ["model"],
)
DEVICE_IDLE_S = _counter(
    "aimass_device_idle_seconds_total",
    "seconds",
    "Time the device did not predict, by cause. Before a record was here: nothing_to_do, fetch "
    "(some lay on the broker), broker (it was away, or slow to take answers), rebalance, agent "
    "(some waited for their agent). With one here: skew (held back: full buffer, payload being "
    "fetched, batch being split), decode (inputs were not ready), link (transport and event "
    "loops).",
    ["cause"],
)
