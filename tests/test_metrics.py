"""The catalogue of metrics: names with units, bounded labels, one line of meaning each."""

from prometheus_client import REGISTRY

from aimass_stream import metrics

LABELS = {"model", "topic", "agent", "reason", "cause", "partition", "outcome"}


def test_every_metric_says_its_unit_and_meaning() -> None:
    described = metrics.describe()
    assert len({name for name, _, _ in described}) == len(described)
    for name, unit, meaning in described:
        assert name.startswith("aimass_")
        assert unit in name, "the unit stands in the name"
        assert meaning.endswith(".")
        assert "\n" not in meaning


def test_every_metric_is_described_as_it_is_scraped() -> None:
    scraped = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in REGISTRY.collect()
        if family.name.startswith("aimass_")
    }
    assert scraped == {name for name, _, _ in metrics.describe()}


def test_labels_are_bounded() -> None:
    for name, collector in vars(metrics).items():
        if name.isupper() and not name.startswith("_"):
            assert set(collector._labelnames) <= LABELS
