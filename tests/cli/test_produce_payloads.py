"""Files as records: images, recordings and clips as they are sent, and what cannot be."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest

from aimass_stream.cli.producing.audio import AUDIO
from aimass_stream.cli.producing.clips import CLIPS
from aimass_stream.cli.producing.files import File
from aimass_stream.cli.producing.images import IMAGES
from aimass_stream.cli.producing.items import Form, KeyFrom, Parcel, UnsendableError
from aimass_stream.cli.producing.payloads import PayloadForm, PayloadItem, find_payloads
from aimass_stream.codecs.claims import PayloadStore
from aimass_stream.config import Settings
from aimass_stream.errors import ConfigError
from aimass_stream.records import Audio, Clip, Image, Limits
from tests.cli.commands import PNG, make_pictures
from tests.codecs.audio_files import wav
from tests.codecs.clip_files import clip


def image_item(
    path: Path, root: Path, form: Form = Form.RAW, prefixes: Sequence[str] = ()
) -> PayloadItem:
    payloads = root.parent / "payloads"
    how = PayloadForm(
        IMAGES, form, KeyFrom.FOLDER, Limits(3_000_000), PayloadStore(payloads, prefixes), payloads
    )
    status = path.stat()
    relative = PurePosixPath(path.relative_to(root).as_posix())
    return PayloadItem(File(root, relative, status.st_size, status.st_mtime_ns), how)


def accept(parcel: Parcel) -> Image:
    """The parcel as the engine reads it."""
    image = Image("images", 0, 0, 0, parcel.key, parcel.value, parcel.headers)
    image.check(Limits())
    return image


@pytest.mark.parametrize("form", [Form.RAW, Form.JSON])
def test_the_engine_accepts_what_is_sent(tmp_path: Path, form: Form) -> None:
    make_pictures(tmp_path, 1)
    image = accept(image_item(tmp_path / "cat/000.png", tmp_path, form).load())
    assert image.bytes == PNG
    assert image.metadata == {"file": "cat/000.png", "label": "cat"}
    assert image.key == b"cat"


def test_audio_is_sent_as_images_are(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog/a.WAV").write_bytes(wav(b"\0" * 99))
    (tmp_path / "b.opus").write_bytes(b"ID3")
    (tmp_path / "c.mp3").write_bytes(b"ID3")
    cargo = find_payloads(tmp_path, Settings(state=tmp_path), AUDIO, Form.RAW, KeyFrom.FOLDER)
    assert cargo.left_out == ["c.mp3"]
    odd, good = (item.load() for item in cargo.items)
    assert odd.doubt == AUDIO.doubt
    audio = Audio("audio", 0, 0, 0, good.key, good.value, good.headers)
    audio.check(Limits())
    assert audio.content_type == "audio/wav"
    assert (audio.metadata["label"], audio.key) == ("dog", b"dog")


def test_clips_go_by_their_own_types_and_endings(tmp_path: Path) -> None:
    (tmp_path / "door").mkdir()
    (tmp_path / "door/a.gif").write_bytes(clip(2, 8, 8, 0))
    (tmp_path / "door/b.WEBP").write_bytes(clip(2, 8, 8, 0, "WEBP"))
    (tmp_path / "c.mp4").write_bytes(b"\0\0\0\x18ftypisom")
    (tmp_path / "d.gif").write_bytes(PNG)
    cargo = find_payloads(tmp_path, Settings(state=tmp_path), CLIPS, Form.RAW, KeyFrom.FOLDER)
    assert cargo.left_out == ["c.mp4"]
    odd, *good = (item.load() for item in cargo.items)
    assert odd.doubt == CLIPS.doubt
    kinds = []
    for parcel in good:
        record = Clip("clips", 0, 0, 0, parcel.key, parcel.value, parcel.headers)
        record.check(Limits())
        kinds.append((record.content_type, record.key))
    assert kinds == [("image/gif", b"door"), ("image/webp", b"door")]


def test_a_claim_points_to_the_file_where_that_is_allowed(tmp_path: Path) -> None:
    make_pictures(tmp_path / "in", 1)
    root = tmp_path / "in"
    item = image_item(root / "cat/000.png", root, Form.CLAIM, [root.as_uri() + "/"])
    claim = accept(item.load()).claim
    assert claim is not None
    assert claim.uri == (root / "cat/000.png").as_uri()
    assert item.how.payloads.fetch(claim, Limits()) == PNG


def test_a_large_image_goes_as_a_claim_to_a_copy(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "large.png").write_bytes(PNG + bytes(1_000_000))
    item = image_item(root / "large.png", root, prefixes=[(tmp_path / "payloads").as_uri()])
    claim = accept(item.load()).claim
    assert claim is not None
    assert claim.uri.startswith((tmp_path / "payloads").as_uri())


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (PNG + bytes(1_000_000), "where the worker runs, and start the worker again: export"),
        (PNG + bytes(4_000_000), "max_payload_bytes"),
    ],
)
def test_what_cannot_be_a_record_says_why(tmp_path: Path, payload: bytes, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(payload)
    with pytest.raises(UnsendableError, match=reason):
        image_item(tmp_path / "a.png", tmp_path).load()


@pytest.mark.parametrize("form", [Form.RAW, Form.JSON])
def test_other_bytes_are_sent_as_they_are(tmp_path: Path, form: Form) -> None:
    (tmp_path / "a.jpg").write_bytes(b"GIF89a")
    parcel = image_item(tmp_path / "a.jpg", tmp_path, form).load()
    assert parcel.doubt == IMAGES.doubt
    assert form is Form.JSON or parcel.value == b"GIF89a"


def test_claims_that_nobody_would_fetch_are_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    item = image_item(tmp_path / "a.png", tmp_path, Form.CLAIM)
    with pytest.raises(ConfigError, match="start the worker again: export AIMASS_CLAIM_PREFIXES"):
        item.how.check_claims(tmp_path)
