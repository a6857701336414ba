"""Why a device was idle: every gap is told apart by what ended it."""

import pytest

from aimass_stream.metrics import DEVICE_IDLE_S
from aimass_stream.runtime.batch import Scored
from aimass_stream.runtime.usage import DeviceUsage, Want
from tests.runtime.in_process_link import Clock

CAUSES = (*Want, "skew", "decode", "link")


def idle() -> dict[str, float]:
    samples = next(iter(DEVICE_IDLE_S.collect())).samples
    return {
        sample.labels["cause"]: sample.value for sample in samples if sample.name.endswith("_total")
    }


class Device:
    """Lets time pass over one batch after another."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.want = Want.NOTHING_TO_DO
        self.usage = DeviceUsage(self.clock, lambda: self.want)
        self.before = idle()
        self.batch(arrived_ms=0, sent_ms=0, answered_ms=0, decode_ms=0, predict_ms=0)

    def batch(
        self,
        *,
        arrived_ms: float,
        sent_ms: float,
        answered_ms: float,
        decode_ms: float,
        predict_ms: float,
    ) -> None:
        start = self.clock.now
        self.clock.now = start + sent_ms / 1000
        flight = self.usage.send(start + arrived_ms / 1000, 10.0)
        self.clock.now = start + answered_ms / 1000
        self.usage.land(flight, Scored([], 0.0, decode_ms, predict_ms))

    def idle_ms(self) -> dict[str, float]:
        now = idle()
        passed = {cause: round((now[cause] - self.before[cause]) * 1000, 6) for cause in CAUSES}
        return {str(cause): ms for cause, ms in passed.items() if ms}


@pytest.fixture
def device() -> Device:
    return Device()


def test_a_gap_is_split_by_cause(device: Device) -> None:
    device.batch(arrived_ms=100, sent_ms=120, answered_ms=190, decode_ms=30, predict_ms=35)
    assert device.idle_ms() == {"nothing_to_do": 100, "skew": 20, "decode": 30, "link": 5}


def test_a_busy_device_is_not_idle(device: Device) -> None:
    device.batch(arrived_ms=-50, sent_ms=-40, answered_ms=20, decode_ms=30, predict_ms=20)
    assert sum(device.idle_ms().values()) == 0


def test_decoding_beside_the_batch_before_is_no_idle_time(device: Device) -> None:
    device.batch(arrived_ms=-50, sent_ms=-40, answered_ms=35, decode_ms=60, predict_ms=20)
    assert device.idle_ms() == {"decode": 15}


@pytest.mark.parametrize("want", Want)
def test_a_gap_before_a_record_is_what_it_was_when_the_device_became_free(want: Want) -> None:
    device = Device()
    device.want = want
    device.batch(arrived_ms=0, sent_ms=0, answered_ms=5, decode_ms=0, predict_ms=5)
    device.want = Want.NOTHING_TO_DO
    device.batch(arrived_ms=70, sent_ms=70, answered_ms=80, decode_ms=0, predict_ms=10)
    assert device.idle_ms() == {want: 70}


def test_a_long_gap_is_counted_while_it_lasts_and_once(device: Device) -> None:
    for want in (Want.BROKER, Want.NOTHING_TO_DO, Want.FETCH):
        device.clock.now += 1
        device.want = want
        device.usage.look()
    assert device.idle_ms() == {"nothing_to_do": 2000, "broker": 1000}
    device.batch(arrived_ms=40, sent_ms=50, answered_ms=60, decode_ms=0, predict_ms=10)
    assert device.idle_ms() == {"nothing_to_do": 2000, "broker": 1000, "fetch": 40, "skew": 10}


def test_while_a_batch_is_under_way_nobody_is_idle(device: Device) -> None:
    flight = device.usage.send(device.clock.now, 10.0)
    device.clock.now += 1
    device.usage.look()
    device.usage.land(flight, Scored([], 0.0, 0.0, 1000.0))
    assert device.idle_ms() == {}


def test_a_failed_batch_is_neither_busy_nor_idle(device: Device) -> None:
    flight = device.usage.send(device.clock.now, 10.0)
    device.clock.now += 5
    device.usage.land(flight, None)
    assert sum(device.idle_ms().values()) == 0


def test_busy_time_is_what_was_sent_less_what_passed() -> None:
    clock = Clock()
    usage = DeviceUsage(clock)
    assert usage.busy_ms() == 0
    first = usage.send(clock.now, 10.0)
    usage.send(clock.now, 20.0)
    clock.now += 0.004
    assert usage.busy_ms() == pytest.approx(26)
    clock.now += 0.004
    usage.land(first, Scored([], 0.0, 0.0, 8.0))
    assert usage.busy_ms() == pytest.approx(20)
    clock.now += 1
    assert usage.busy_ms() == 0
