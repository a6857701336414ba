"""Cleaning and features: the libraries' own results, and what each step keeps."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image, ImageFilter, ImageOps
from scipy import signal

from aimass_stream import transforms as t
from aimass_stream.codecs.images import Pixels
from aimass_stream.errors import Reason, RecordError
from aimass_stream.records import Limits
from aimass_stream.transforms.chain import Chain, Transform
from aimass_stream.transforms.frozen import learned_of
from aimass_stream.transforms.running import Running
from aimass_stream.transforms.values import Sound, Vector
from aimass_stream.transforms.words import words_of

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def image() -> Pixels:
    draw = np.random.default_rng(1)
    return draw.integers(20, 200, (37, 53, 3), np.uint8)


@pytest.fixture(scope="module")
def sound() -> Sound:
    draw = np.random.default_rng(2)
    times = np.arange(RATE_HZ) / RATE_HZ
    samples = 0.5 * np.sin(2 * np.pi * 440 * times) + draw.normal(0, 0.05, RATE_HZ)
    return Sound(samples.astype(np.float32), RATE_HZ)


def run(step: Transform, value: Any) -> Any:
    return Running.of(Chain(step))(value)


def test_images_are_cleaned_as_pillow_and_skimage_do(image: Pixels) -> None:
    pillow = Image.fromarray(image)
    expected = {
        t.Greyscale(): np.stack([np.asarray(pillow.convert("L"))] * 3, axis=2),
        t.EqualizeHistogram(): np.asarray(ImageOps.equalize(pillow)),
        t.AutoContrast(2.0): np.asarray(ImageOps.autocontrast(pillow, 2.0)),
        t.MedianFilter(5): np.asarray(pillow.filter(ImageFilter.MedianFilter(5))),
    }
    before = image.copy()
    for step, due in expected.items():
        np.testing.assert_array_equal(run(step, image), due)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("method", ["gaussian", "mean", "median"])
def test_a_threshold_follows_the_neighbourhood(image: Pixels, method: Any) -> None:
    filters = pytest.importorskip("skimage.filters")
    grey = np.asarray(Image.fromarray(image).convert("L"))
    white = grey > filters.threshold_local(grey, 11, method=method, offset=3)
    found = run(t.AdaptiveThreshold(11, 3, method), image)
    np.testing.assert_array_equal(found[:, :, 0] == 255, white)
    assert set(np.unique(found)) == {0, 255}


def test_total_variation_smooths(image: Pixels) -> None:
    restoration = pytest.importorskip("skimage.restoration")
    scaled = image.astype(np.float32) / 255
    due = restoration.denoise_tv_chambolle(scaled, weight=0.2, channel_axis=2)
    found = run(t.DenoiseTotalVariation(0.2), image)
    assert np.abs(found / 255 - due).max() <= 0.5 / 255 + 1e-6
    assert found.std() < image.std()


def test_edges_have_a_direction() -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = 255
    upright = run(t.EdgeDirection(bins=4), stripes)
    lying = run(t.EdgeDirection(bins=4), stripes.transpose(1, 0, 2))
    assert (upright.argmax(), lying.argmax()) == (0, 2)
    assert upright.sum() == pytest.approx(1)
    assert not run(t.EdgeDirection(), np.zeros((9, 9, 3), np.uint8)).any()


def test_columns_of_an_image_do_not_depend_on_its_size(image: Pixels) -> None:
    pytest.importorskip("skimage")
    features = t.Join.of(t.ColourHistogram(4), t.Brightness(), t.EdgeDirection(), t.Hog(32, 32))
    assert run(features, image).shape == run(features, image[:20, :31]).shape
    np.testing.assert_allclose(run(t.ColourHistogram(4), image).reshape(3, 4).sum(axis=1), 1)


class Characters(t.Transform, frozen=True):
    """A feature of texts, behind whatever cleans them."""

    takes = t.Kind.TEXT
    gives = t.Kind.VECTOR
    does = "tests.transforms.test_cleaning:count"


def count(text: str) -> Vector:
    return np.array([float(len(text))])


def test_a_branch_is_held_to_the_declared_limits_as_any_step_is() -> None:
    chain = Chain(t.Join.of(Chain(t.StripSpace(), Characters()), Characters()))
    long = " a" * 50_000
    larger = Limits(text_bytes=200_000)
    assert Running.of(chain, larger)(long).tolist() == [99_999, 100_000]
    for limits, text in ((Limits(), long), (Limits(text_bytes=5), "abcdef")):
        with pytest.raises(RecordError, match="too_large: StripSpace made a text of more than"):
            Running.of(chain, limits)(text)


def test_audio_is_cleaned_as_scipy_does(sound: Sound) -> None:
    np.testing.assert_array_equal(
        run(t.ClipPeaks(0.3), sound).samples, np.clip(sound.samples, -0.3, 0.3)
    )
    np.testing.assert_allclose(
        run(t.WienerDenoise(9), sound).samples, signal.wiener(sound.samples, 9), atol=1e-6
    )
    sections = signal.butter(2, (300, 3_000), "bandpass", output="sos", fs=RATE_HZ)
    found = run(t.BandPass(300, 3_000, 2), sound).samples
    np.testing.assert_allclose(found, signal.sosfiltfilt(sections, sound.samples), atol=1e-6)


def test_digital_silence_stays(sound: Sound) -> None:
    silence = Sound(np.zeros(64, np.float32), RATE_HZ)
    for cleaning in (t.WienerDenoise(), t.BandPass(), t.ClipPeaks(), t.Resample(8_000)):
        assert not run(cleaning, silence).samples.any()
    for feature in (t.Stft(), t.Mel()):
        assert np.isfinite(run(feature, silence)).all()


def test_too_little_audio_is_empty() -> None:
    with pytest.raises(RecordError, match="empty: the audio has no sample at 1000 Hz"):
        run(t.Resample(1_000), Sound(np.ones(2, np.float32), RATE_HZ))


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 1, 3), (1, 7, 3)])
def test_the_smallest_images_pass(shape: tuple[int, int, int]) -> None:
    pytest.importorskip("skimage")
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    cleaning = t.Chain(
        *(t.Greyscale(), t.EqualizeHistogram(), t.AutoContrast(49.9), t.MedianFilter(9)),
        *(t.AdaptiveThreshold(), t.DenoiseTotalVariation()),
    )
    features = t.Join.of(t.ColourHistogram(), t.Brightness(), t.EdgeDirection(), t.Hog())
    cleaned = Running.of(cleaning)(image)
    assert cleaned.shape == shape
    assert np.isfinite(run(features, cleaned)).all()


def test_a_band_ends_at_half_of_the_rate(sound: Sound) -> None:
    """Or the default would cost every recording of a telephone."""
    slow = run(t.Resample(8_000), sound)
    assert np.isfinite(run(t.BandPass(), slow).samples).all()
    with pytest.raises(RecordError, match="transform_error: BandPass failed: ValueError"):
        run(t.BandPass(5_000, 7_000), slow)


def test_levels_are_summed_up_in_blocks_as_in_one(
    sound: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [run(step, sound) for step in (t.Stft(256, 64), t.Mel(20, 256, 64))]
    monkeypatch.setattr("aimass_stream.transforms.samples._BLOCK_FRAMES", 7)
    parts = [run(step, sound) for step in (t.Stft(256, 64), t.Mel(20, 256, 64))]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    assert int(whole[0][:129].argmax()) == round(440 / (RATE_HZ / 256))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The parcel is NOT here, and I want it!", "parcel , want !"),
        ("我的包裹在哪里", "包裹在"),
        ("目的和方法的比较", "目的 方法 比较"),
        ("refund 了解 the 订单吗", "refund 了解 订单"),
    ],
)
def test_stop_words_are_taken_out_in_both_languages(text: str, left: str) -> None:
    assert run(t.StopWords(), text) == left


def test_stop_words_of_ones_own() -> None:
    own = t.StopWords((), ("parcel", "包裹"))
    assert run(own, "The Parcel 我的包裹在 parcels") == "The 我的 在 parcels"


def test_nothing_left_is_empty_and_too_much_too_large() -> None:
    with pytest.raises(RecordError) as caught:
        run(t.StopWords(), "it is not the")
    assert caught.value.reason is Reason.EMPTY
    with pytest.raises(RecordError) as caught:
        Running.of(Chain(t.Lowercase()), Limits(text_bytes=4))("longer")
    assert caught.value.reason is Reason.TOO_LARGE


def test_words_are_pairs_in_chinese() -> None:
    assert words_of("请取消订单, cancel the order 12!") == [
        *("请取", "取消", "消订", "订单"),
        *("cancel", "order", "12"),
    ]
    assert words_of("是") == []
    assert words_of("单") == ["单"]


needs_dictionary = pytest.mark.skipif(find_spec("rjieba") is None, reason="no rjieba")


@needs_dictionary
def test_a_dictionary_sets_chinese_words_apart() -> None:
    assert run(t.CutWords(), "请取消我的订单 order 12") == "请 取消 我 的 订单 order 12"
    assert run(t.CutWords(), "no Chinese at all") == "no Chinese at all"


@needs_dictionary
def test_stop_words_are_whole_words_where_they_are_spaced() -> None:
    text = "我们的目的地和平的首都"
    cleaned = run(t.StopWords(chinese="spaced"), run(t.CutWords(), text))
    assert cleaned == "目的地 和平 首都"


def test_spaced_words_are_not_cut_again() -> None:
    assert words_of("请 取消 自然语言 的 订单 the order", "spaced") == [
        *("请", "取消", "自然语言", "订单"),
        "order",
    ]


@needs_dictionary
def test_keywords_by_dictionary_are_words_and_survive_freezing() -> None:
    lines = ["取消自然语言的订单", "自然语言处理", "取消订单", "退款什么时候到账", "退款到账"]
    cut = [run(t.CutWords(), line) for line in lines]
    learned: Any = learned_of(t.Keywords(top=2, min_records=2, chinese="spaced"))
    learned.fit(cut, None)
    arrays: dict[str, Any] = {}
    plain = orjson.loads(orjson.dumps(learned.freeze(arrays, "0.")))
    back: Any = learned_of(t.Keywords(top=2, min_records=2, chinese="spaced"))
    back.thaw(plain, arrays)
    assert set(plain["words"]) >= {"取消", "自然语言", "订单", "退款"}
    assert [back(line) for line in cut] == [learned(line) for line in cut]
    assert set(back(cut[2]).split()) == {"取消", "订单"}
